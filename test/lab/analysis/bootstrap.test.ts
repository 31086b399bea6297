import { expect, test } from 'vitest'
import { bootstrap, percentileInterval, quantile } from '../../../src/lab/analysis/bootstrap.ts'
import { median } from '../../../src/lab/analysis/figures.ts'

/** Days the treated mice lived (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, table 2.1). */
const treated = [94, 197, 16, 38, 99, 141, 23]
const untreated = [52, 104, 146, 10, 51, 30, 40, 27, 46]
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length

function standardError(values: readonly number[]): number {
  const middle = mean(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1))
}

test('the standard errors of the mouse data', () => {
  // Of the mean, as the number of draws grows: the plug-in √(Σ(x − x̄)²/n²), 23.36 for the treated.
  const means = bootstrap([treated], ([drawn = []]) => mean(drawn), { resamples: 20_000 })
  expect(standardError(means)).toBeCloseTo(23.36, 0)
  const medians = bootstrap([treated], ([drawn = []]) => median(drawn), { resamples: 20_000 })
  // Table 2.2 of the book, 'B = ∞'.
  expect(Math.abs(standardError(medians) / 37.83 - 1)).toBeLessThan(0.03)
})

test('the same seed gives the same draws, another seed others', () => {
  const draw = (seed: number) => bootstrap([treated, untreated], groups => groups, { resamples: 5, seed })
  expect(draw(7)).toEqual(draw(7))
  expect(draw(7)).not.toEqual(draw(8))
})

test('draws stay within their groups, and draws without an answer are left out', () => {
  const draws = bootstrap([treated, untreated], ([a = [], b = []]) => ({ a, b }), { resamples: 50 })
  for (const { a, b } of draws) {
    expect(a).toHaveLength(treated.length)
    expect(b).toHaveLength(untreated.length)
    expect(a.every(value => treated.includes(value))).toBe(true)
    expect(b.every(value => untreated.includes(value))).toBe(true)
  }
  const odd = bootstrap([[1, 2]], ([[first = 0] = []]) => (first === 1 ? null : first), { resamples: 100 })
  expect(new Set(odd)).toEqual(new Set([2]))
  expect(odd.length).toBeLessThan(100)
})

test('quantiles lie between the values', () => {
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5)
  expect(quantile([10], 0.9)).toBe(10)
  expect(quantile([], 0.5)).toBeNull()
  expect(
    percentileInterval(
      Array.from({ length: 101 }, (_, i) => i),
      0.9,
    ),
  ).toEqual({ low: expect.closeTo(5), high: expect.closeTo(95) })
})
