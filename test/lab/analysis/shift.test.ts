import { describe, expect, test } from 'vitest'
import { bestConfidence, shiftOf } from '../../../src/lab/analysis/shift.ts'

const difference = (before: number, after: number) => after - before

describe('published answers', () => {
  // Permeability of the human chorioamnion, at term and at 12 to 26 weeks (Hollander & Wolfe 1973, table 4.1,
  // the example of R's wilcox.test, which gives the estimate 0.305 and the interval -0.15 to 0.76).
  const atTerm = [0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
  const early = [1.15, 0.88, 0.9, 0.74, 1.21]

  test('Hodges-Lehmann estimate and exact interval', () => {
    const shift = shiftOf(early, atTerm, difference)
    expect(shift?.estimate).toBeCloseTo(0.305, 9)
    expect(shift?.low).toBeCloseTo(-0.15, 9)
    expect(shift?.high).toBeCloseTo(0.76, 9)
    expect(shift?.confidence).toBeGreaterThan(0.95)
  })

  test('the interval of any confidence excludes zero where the exact test refutes it, and only there', () => {
    // Ages at diagnosis (Shier 2004, the example of scipy's mannwhitneyu): U = 17, p = 0.1111, two-sided.
    const males = [19, 22, 16, 29, 24]
    const females = [20, 11, 17, 12]
    expect(shiftOf(females, males, difference, 1 - 0.1112)?.low).toBeGreaterThan(0)
    expect(shiftOf(females, males, difference, 1 - 0.111)?.low).toBeLessThan(0)
  })
})

test('the confidence that so few repeats can have', () => {
  expect(bestConfidence(1, 1)).toBeCloseTo(0)
  expect(bestConfidence(2, 2)).toBeCloseTo(1 - 2 / 6)
  expect(bestConfidence(3, 3)).toBeCloseTo(0.9)
  expect(bestConfidence(4, 4)).toBeCloseTo(1 - 2 / 70)
  expect(shiftOf([1, 2, 3], [11, 12, 13], difference)).toEqual({
    ...{ estimate: 10, low: 8, high: 12 },
    confidence: expect.closeTo(0.9),
  })
})

test('many repeats lose no digits', () => {
  const low = Array.from({ length: 40 }, (_, i) => i)
  const shift = shiftOf(
    low,
    low.map(value => value + 100),
    difference,
  )
  expect(shift?.estimate).toBe(100)
  expect(shift?.confidence).toBeGreaterThanOrEqual(0.95)
  expect(shift?.confidence).toBeLessThan(0.952)
})

test('nothing against something is no shift', () => {
  expect(shiftOf([], [1], difference)).toBeNull()
})
