import type { Figure, Sample } from '../results.ts'
import { figureOf, inverse } from './figures.ts'
import { number, percent } from './wording.ts'

/** Little's law: in steady state, requests in flight = throughput · mean latency (N = X·R, Little 1961). */
export function requestsInFlight(throughputPerS: number, meanLatencyMs: number): number {
  return (throughputPerS * meanLatencyMs) / 1000
}

/**
 * Mean response time of a closed loop without think time, by the same law: R = N/X, ms. It includes clients
 * that wait for longer than the window, which percentiles of answered requests do not: with 100 clients of
 * one blocking process the median answer took 252 ms, while the mean client waited 1.2 s.
 *
 * @returns null for an open loop, and where nothing was measured or answered
 */
export function meanResponseMs(sample: Sample | undefined): Figure | null {
  if (sample === undefined) return null
  const { load, throughputPerS } = sample
  const { mode, connections } = load
  if (mode !== 'closed' || connections === undefined || throughputPerS.low <= 0) return null
  return inverse(throughputPerS, connections * 1000)
}

/** Clocks, rounding, and requests cut off at the window's ends. */
const tooManyBy = 0.05
/** Share of their time that clients may spend with no request out, for building it and reading the answer. */
const idleTolerated = 0.25

/**
 * What Little's law has against the measurement: in a closed loop the generator holds `connections` requests,
 * so throughput times mean latency must come to about that. More is impossible, so one of the two readings is
 * wrong. Less means that clients sat in the generator between an answer and their next request, so that the service
 * met fewer clients than the sample's label says; or that some were not answered before the window closed. All
 * answers count, failed ones too.
 *
 * @returns a sentence, or null where the two agree, or where there is nothing to check: an open loop holds
 *   no fixed number, and without a mean latency the law has no R
 */
export function littleDoubt({ load, throughputPerS, latencyMs, errors }: Sample): string | null {
  const { connections: held } = load
  if (load.mode !== 'closed' || held === undefined || latencyMs.mean === undefined) return null
  const rates = throughputPerS.values ?? [throughputPerS.median]
  const means = latencyMs.mean.values ?? [latencyMs.mean.median]
  const failed = errors.ratio.values ?? [errors.ratio.median]
  const implied = figureOf(
    rates.flatMap((rate, repeat) => {
      const answered = 1 - (failed[repeat] ?? errors.ratio.median)
      const mean = means[repeat]
      return mean === undefined || answered <= 0 ? [] : requestsInFlight(rate / answered, mean)
    }),
  )
  if (implied === null) return null
  const law = `by Little's law ${number(implied.median)} requests were in flight, of the ${number(held)} that the generator held`
  if (implied.low > held * (1 + tooManyBy)) {
    return `${law}: this is impossible, so its latency or its throughput is wrong`
  }
  if (implied.high < held * (1 - idleTolerated)) {
    const idle = percent(1 - implied.median / held)
    return `${law}: for ${idle} of the time its clients had sent no request, or their answers came after the window and are in no percentile`
  }
  return null
}
