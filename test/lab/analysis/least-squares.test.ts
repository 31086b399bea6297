import { expect, test } from 'vitest'
import { nonNegativeLeastSquares } from '../../../src/lab/analysis/least-squares.ts'

test('a line through the origin, to the digits that NIST certifies (StRD, NoInt1)', () => {
  const x = [60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70]
  const [slope] =
    nonNegativeLeastSquares(
      x.map(value => [value]),
      x.map(value => value + 70),
    ) ?? []
  expect(slope).toBeCloseTo(2.07438016528926, 13)
})

test('a coefficient that would be negative is zero, and the others are fitted without it', () => {
  // y = 2x - 1: the best line that does not start below zero goes through the origin.
  const x = [1, 2, 3]
  const [intercept, slope] =
    nonNegativeLeastSquares(
      x.map(value => [1, value]),
      x.map(value => 2 * value - 1),
    ) ?? []
  expect(intercept).toBe(0)
  expect(slope).toBeCloseTo((1 * 1 + 2 * 3 + 3 * 5) / (1 + 4 + 9), 12)
})

test('a weight counts a point that often', () => {
  const rows = [[1], [1]]
  expect(nonNegativeLeastSquares(rows, [1, 4], [2, 1])?.[0]).toBeCloseTo(2)
})

test('nothing to fit', () => {
  expect(nonNegativeLeastSquares([[0], [0]], [1, 2])).toBeNull()
  expect(nonNegativeLeastSquares([], [])).toBeNull()
})
