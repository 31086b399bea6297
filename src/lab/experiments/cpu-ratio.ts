import { ratio } from '../analysis/figures.ts'
import { spread } from '../analysis/wording.ts'
import type { Sample } from '../results.ts'

const named = { api: "the API's CPU", database: "PostgreSQL's" } as const

/**
 * What a request costs in one sample of what it costs in another: `0.35 times (0.3–0.47) the API's CPU`.
 * @returns null where the CPU of that process is not known of both.
 */
export function cpuRatio(process: keyof typeof named, sample: Sample, other: Sample): string | null {
  const [cost, otherCost] = [sample.cpuPerRequestUs[process], other.cpuPerRequestUs[process]]
  return cost && otherCost && `${spread(ratio(cost, otherCost), 'times')} ${named[process]}`
}
