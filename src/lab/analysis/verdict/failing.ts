import { percent } from '../wording.ts'
import type { Case } from './case.ts'
import type { Judgement } from './judgement.ts'

export const errorsTolerated = 0.01

/** Requests failed, and not because the service refused more than it takes: what was measured is in doubt. */
export function failing({ sample }: Case): Judgement | null {
  const { errors, failures, label, refusals = {} } = sample
  const failed = errors.ratio.median
  const refused = Object.values(refusals).reduce((sum, { median }) => sum + median, 0)
  if (failed - refused <= errorsTolerated) return null
  return {
    limit: 'inconclusive',
    confidence: 'low',
    sentence: `No limit can be named: ${percent(failed)} of the requests failed, so the rest was measured on a service in trouble.`,
    evidence: [`errors ${percent(failed)} of the requests of "${label}"${describeFailures(failures)}`],
    next: "Find the first error in the service's log (service.log beside the report), mend it, and repeat the run.",
  }
}

/** `: 503 41 %, no answer 2 %`. */
export function describeFailures(failures: Case['sample']['failures']): string {
  const shares = Object.entries(failures ?? {}).map(([how, share]) => `${how} ${percent(share.median)}`)
  return shares.length === 0 ? '' : `: ${shares.join(', ')}`
}
