import { median } from './figures.ts'

/** How far one set of repeats lies from another. */
export interface Shift {
  /** Hodges & Lehmann 1963: the median over all pairs of one repeat from each set. */
  readonly estimate: number
  readonly low: number
  readonly high: number
  /** Probability that such an interval holds the true shift, 0 … 1; few repeats may not reach the one asked for. */
  readonly confidence: number
}

/**
 * The shift between two independent sets of repeats, with the interval that an exact Mann-Whitney test
 * leaves (Hollander & Wolfe, Nonparametric Statistical Methods, sections 4.2 and 4.3): the shifts that the test
 * would not refute. It assumes no distribution, which a handful of repeats could never show. Three repeats
 * against three reach 90 % at best, by the whole range of pairs; four against four reach 95 %.
 *
 * @param between the shift of a pair: a difference, or a ratio of positive values
 * @returns null where a set is empty
 */
export function shiftOf(
  before: readonly number[],
  after: readonly number[],
  between: (before: number, after: number) => number,
  confidence = 0.95,
): Shift | null {
  const pairs = before.flatMap(a => after.map(b => between(a, b))).sort((a, b) => a - b)
  const estimate = median(pairs)
  const tails = lowerTails(before.length, after.length)
  const attained = tails.findLastIndex(tail => tail <= (1 - confidence) / 2 + rounding)
  const left = Math.max(0, attained)
  const low = pairs[left]
  const high = pairs[pairs.length - 1 - left]
  if (estimate === null || low === undefined || high === undefined) return null
  return { estimate, low, high, confidence: 1 - 2 * (tails[left] ?? 0.5) }
}

/** The best confidence that the whole range of pairs can have: 1 − 2/C(n + m, n). */
export function bestConfidence(n: number, m: number): number {
  return 1 - 2 * (lowerTails(n, m)[0] ?? 0.5)
}

const rounding = 1e-12

/**
 * P(U <= u) for u = 0 … ⌊nm/2⌋ where both sets come from one distribution. U counts the pairs that stand in
 * one order; it is the sum of n of the ranks 1 … n + m, less the smallest such sum (Mann & Whitney 1947).
 * Counts are only added, never subtracted, so large sets lose no digits.
 */
function lowerTails(n: number, m: number): number[] {
  const most = Math.floor((n * m) / 2)
  // ways[k][u]: choices of k of the ranks seen so far with excess u; the k-th smallest exceeds k by its gaps.
  const ways = Array.from({ length: n + 1 }, (_, k) =>
    new Float64Array(n * m + 1).fill(0).with(0, k === 0 ? 1 : 0),
  )
  for (let rank = 1; rank <= n + m; rank++) {
    for (let k = Math.min(n, rank); k >= 1; k--) {
      const excess = rank - k
      const fewer = ways[k - 1] ?? []
      const these = ways[k]
      if (these === undefined) continue
      for (let u = n * m; u >= excess; u--) these[u] = (these[u] ?? 0) + (fewer[u - excess] ?? 0)
    }
  }
  const counts = [...(ways[n] ?? [])]
  const total = counts.reduce((sum, count) => sum + count, 0)
  let cumulated = 0
  return counts.slice(0, most + 1).map(count => {
    cumulated += count / total
    return cumulated
  })
}
