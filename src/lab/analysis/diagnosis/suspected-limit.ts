import type { Diagnosis, Limit } from '../../results.ts'

/** A resource that may be the limit, and what the diagnosis says if it is. */
export interface SuspectedLimit {
  readonly limit: Limit
  readonly confidence: Diagnosis['confidence']
  /** Short, and clear without knowledge of the lab. */
  readonly sentence: string
  /** Checkable statements, each with its figure. */
  readonly evidence: string[]
  readonly next: string
}

/** Two independent signs give high confidence, one gives medium. */
export function confidenceOf(...signs: readonly boolean[]): Diagnosis['confidence'] {
  const seen = signs.filter(Boolean).length
  return seen >= 2 ? 'high' : seen === 1 ? 'medium' : 'low'
}
