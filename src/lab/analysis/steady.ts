import { median } from './figures.ts'
import { percent } from './wording.ts'

/** Whether a quantity was level while it was measured. */
interface Steadiness {
  readonly steady: boolean
  /** Two-sided p of the Mann-Kendall test: how likely a series without a trend looks like this. */
  readonly p: number
  /** Change from one end of the Theil-Sen line to the other, as a share of the higher end: -1 … 1. */
  readonly drift: number
}

/** Below it no order of the values is rare enough to say anything. */
const fewestRates = 5
const significant = 0.05
/** A trend smaller than this changes no conclusion, however certain it is. */
const driftTolerated = 0.05

/**
 * Tests the rates of equal successive parts of one measurement for a trend: the service still warming up, a
 * table growing under an insert, a machine slowing down. Mann-Kendall (Mann 1945, Kendall 1975) asks only
 * for the order of the values, so one stalled part upsets it no more than any other; the size of the trend is
 * Theil-Sen's slope (Sen 1968). Unsteady is what is both certain and large.
 *
 * @returns null of fewer than five rates, or where their median is zero
 */
export function steadinessOf(rates: readonly number[]): Steadiness | null {
  const middle = median(rates)
  const slope = theilSenSlope(rates)
  if (rates.length < fewestRates || middle === null || middle === 0 || slope === null) return null
  const { p } = mannKendall(rates)
  const change = slope * (rates.length - 1)
  const drift = change / (middle + Math.abs(change) / 2)
  return { steady: p > significant || Math.abs(drift) <= driftTolerated, p, drift }
}

/** The largest drift in a sentence; null where every repeat was steady, or too short to tell. */
export function unsteadyDoubt(repeats: readonly (Steadiness | null)[]): string | null {
  const drifting = repeats.filter(repeat => repeat !== null).filter(({ steady }) => !steady)
  const [largest] = drifting.toSorted((a, b) => Math.abs(b.drift) - Math.abs(a.drift))
  if (largest === undefined) return null
  const moved = `${largest.drift < 0 ? 'fell' : 'rose'} by ${percent(Math.abs(largest.drift))}`
  return `not steady: the rate ${moved} in the course of a measurement (${drifting.length} of ${repeats.length} repeats drift)`
}

/**
 * S: pairs that rise less pairs that fall. p is exact where no two values are equal (every order of the values equally
 * likely). Equal values make S smaller, and so p larger.
 */
export function mannKendall(series: readonly number[]): { s: number; p: number } {
  const s = pairsOf(series).reduce((sum, [earlier, later]) => sum + Math.sign(later - earlier), 0)
  return { s, p: exactP(series.length, Math.abs(s)) }
}

/** The median of the slopes of all pairs, by position; null of fewer than two values. */
export function theilSenSlope(series: readonly number[]): number | null {
  return median(pairsOf(series).map(([earlier, later, distance]) => (later - earlier) / distance))
}

/** Each value with each later one, and how far apart they stand. */
function pairsOf(series: readonly number[]): [earlier: number, later: number, distance: number][] {
  return series.flatMap((earlier, i) =>
    series.slice(i + 1).map((later, j): [number, number, number] => [earlier, later, j + 1]),
  )
}

/**
 * P(|S| >= s) over all orders of `count` different values. S = pairs − 2·inversions, and the inversions of a
 * random order are a sum of independent ones: the i-th value is smaller than 0 … i − 1 of those before it.
 */
function exactP(count: number, s: number): number {
  let inversions = [1]
  for (let i = 2; i <= count; i++) {
    const before = inversions
    inversions = Array.from({ length: before.length + i - 1 }, (_, k) => {
      const from = Math.max(0, k - i + 1)
      return before.slice(from, k + 1).reduce((sum, p) => sum + p, 0) / i
    })
  }
  const pairs = (count * (count - 1)) / 2
  return inversions.reduce((sum, p, k) => (Math.abs(pairs - 2 * k) >= s ? sum + p : sum), 0)
}
