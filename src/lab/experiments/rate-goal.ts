import type { Sample } from '../results.ts'

/** When a rate of arrivals counts as held. */
export interface RateGoal {
  readonly p99Ms: number
  /** Of the arrivals, so many are answered within the window, 0..1; the others were late or not sent. */
  readonly answeredShare: number
}

/** Whether the sample reached the goal in every repeat, and no request failed. */
export function holds(sample: Sample, { p99Ms, answeredShare }: RateGoal): boolean {
  const { throughputPerS, latencyMs, errors } = sample
  return (
    throughputPerS.low >= answeredShare * rateOf(sample) &&
    latencyMs.p99.high <= p99Ms &&
    errors.ratio.high === 0
  )
}

/** Arrivals a second that were wanted; 0 of a closed loop. */
export function rateOf({ load }: Sample): number {
  return load.ratePerS ?? 0
}
