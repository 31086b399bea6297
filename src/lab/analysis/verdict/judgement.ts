import type { Limit, Verdict } from '../../results.ts'

/** One resource found guilty, as the verdict on it would read. */
export interface Judgement {
  readonly limit: Limit
  readonly confidence: Verdict['confidence']
  /** One sentence a manager understands. */
  readonly sentence: string
  /** Checkable statements, each with its figure. */
  readonly evidence: readonly string[]
  readonly next: string
}

/** Two independent signs make certain; one is one. */
export function confidenceOf(...signs: readonly boolean[]): Verdict['confidence'] {
  const seen = signs.filter(Boolean).length
  return seen >= 2 ? 'high' : seen === 1 ? 'medium' : 'low'
}
