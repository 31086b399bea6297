import type { Scaling } from '../results.ts'
import { number } from './wording.ts'

interface SweepPoint {
  /** Concurrent clients. */
  readonly n: number
  readonly throughputPerS: number
  /** The mean latency, ms. */
  readonly latencyMs: number
}

/**
 * Kneedle can only name a concurrency that was measured, which in a sweep of doublings is off by up to one
 * step; asymptotes cut the corner that a real curve rounds.
 */
const agreement = 3
/** Latency that has not doubled has not left its light-load level. */
const clearlyHigher = 2

/**
 * Where more clients stop bringing more throughput and start to bring waiting: the geometric middle of what two methods
 * on different data say, Kneedle on throughput, and the crossing of the asymptotes of latency. They must agree within a
 * factor of three. Each method alone finds a knee in any curve; a resource that fills shows in both.
 *
 * @param sweep in ascending order of n
 */
export function kneeOf(
  sweep: readonly SweepPoint[],
): { knee: NonNullable<Scaling['knee']> } | { knee: null; why: string } {
  const byThroughput = kneedle(sweep.map(({ n, throughputPerS }) => ({ x: n, y: throughputPerS })))
  const byLatency = asymptoteCrossing(sweep)
  if (byThroughput === null) return { knee: null, why: 'throughput has no bend in the measured range' }
  if (byLatency === null) {
    return { knee: null, why: 'latency did not rise clearly in the measured range' }
  }
  const low = Math.min(byThroughput, byLatency)
  const high = Math.max(byThroughput, byLatency)
  if (high > agreement * low) {
    return {
      knee: null,
      why: `throughput bends at ${number(byThroughput)} clients, latency at ${number(byLatency)}: the two do not agree`,
    }
  }
  return { knee: { connections: Math.sqrt(low * high), low, high } }
}

/**
 * Kneedle (Satopää, Albrecht, Irwin & Raghavan, Finding a "Kneedle" in a Haystack, 2011) for a concave,
 * rising curve: both axes scaled to 0 … 1, the knee is where the curve stands highest above the diagonal,
 * provided that it comes down from there by one mean step of x. The paper smooths first; medians
 * of repeats are smooth already.
 *
 * @param curve in ascending order of x
 * @returns the knee's x, or null where there is none
 */
export function kneedle(curve: readonly { x: number; y: number }[]): number | null {
  const scaledX = scaled(curve.map(({ x }) => x))
  const scaledY = scaled(curve.map(({ y }) => y))
  const above = scaledX.map((x, i) => (scaledY[i] ?? 0) - x)
  const highest = Math.max(...above)
  const end = above.at(-1) ?? 0
  const fallsBack = highest - end > 1 / (curve.length - 1)
  return fallsBack ? (curve[above.indexOf(highest)]?.x ?? null) : null
}

/**
 * N* of asymptotic bounds (Denning & Buzen 1978; Lazowska et al., Quantitative System Performance, 1984,
 * section 5.2), from latencies alone. Few clients meet nobody: R = D. Many queue at the full resource, where
 * without think time R can be no less than N·Dmax. The lines cross at N* = D/Dmax; the steepest line that stays
 * below every latency measured gives Dmax, the latency of the fewest clients D.
 *
 * @returns null where latency has not clearly left its level
 */
export function asymptoteCrossing(sweep: readonly Pick<SweepPoint, 'n' | 'latencyMs'>[]): number | null {
  const [lightest] = sweep
  const heaviest = sweep.at(-1)
  if (lightest === undefined || heaviest === undefined) return null
  if (heaviest.latencyMs < clearlyHigher * lightest.latencyMs) return null
  const largestDemandMs = Math.min(...sweep.map(({ n, latencyMs }) => latencyMs / n))
  return lightest.latencyMs / largestDemandMs
}

function scaled(values: readonly number[]): number[] {
  const low = Math.min(...values)
  const range = Math.max(...values) - low
  return values.map(value => (range === 0 ? 0 : (value - low) / range))
}
