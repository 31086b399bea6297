import { number, spread } from '../analysis/wording.ts'
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

/** Says what was not sent at the lowest rate at which that happened; empty where every arrival was sent. */
export function notSent(samples: readonly Sample[]): string {
  const [lowest] = samples
    .filter(({ errors }) => errors.dropped.median > 0)
    .toSorted((a, b) => rateOf(a) - rateOf(b))
  if (lowest === undefined) return ''
  const { errors, load } = lowest
  const due = number(rateOf(lowest) * load.durationS)
  return `At ${number(rateOf(lowest))}/s ${load.generator} did not send ${spread(errors.dropped, 'arrivals')} of ${due}.`
}

/** Arrivals a second that were wanted; 0 of a closed loop. */
export function rateOf({ load }: Sample): number {
  return load.ratePerS ?? 0
}
