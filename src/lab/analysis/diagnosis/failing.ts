import { percent } from '../wording.ts'
import type { Case } from './case.ts'
import type { SuspectedLimit } from './suspected-limit.ts'

export const errorsTolerated = 0.01

/** The lab keeps the log of a service that it started. */
export const findTheError =
  "Find the first error in the service's log (service.log in the folder of the report, if the lab started the service), fix its cause, and repeat the run."

/** Requests failed, and not because the service refused too much load: the other figures are in doubt. */
export function failing({ sample }: Case): SuspectedLimit | null {
  const { errors, failures, label, refusals = {} } = sample
  const failed = errors.ratio.median
  const refused = Object.values(refusals).reduce((sum, { median }) => sum + median, 0)
  if (failed - refused <= errorsTolerated) return null
  return {
    limit: 'inconclusive',
    confidence: 'low',
    sentence: `No limit can be named: ${percent(failed)} of the requests failed, so the other figures do not describe a healthy service.`,
    evidence: [`errors ${percent(failed)} of the requests of "${label}"${describeFailures(failures)}`],
    next: findTheError,
  }
}

/** `: 503 41 %, no answer 2 %`. */
export function describeFailures(failures: Case['sample']['failures']): string {
  const shares = Object.entries(failures ?? {}).map(([how, share]) => `${how} ${percent(share.median)}`)
  return shares.length === 0 ? '' : `: ${shares.join(', ')}`
}
