import { describe, expect, test } from 'vitest'
import { mannKendall, steadinessOf, theilSenSlope, unsteadyDoubt } from '../../../src/lab/analysis/steady.ts'

describe('Mann-Kendall', () => {
  test('a series worked by hand (J. Little, Holy Cross, "A Mann-Kendall Example")', () => {
    const series = [12.9, 14.8, 13.2, 15.7, 13.8, 15.6, 12.9, 11.0, 17.3, 15.9, 19.0, 18.3, 20.1, 21.7]
    expect(mannKendall(series).s).toBe(54)
    // pymannkendall gives a slope of 0.56667.
    expect(theilSenSlope(series)).toBeCloseTo(0.566667, 5)
  })

  test('p is exact for few values (Gilbert 1987, table A18: n = 5, S = 8, one-sided 0.042)', () => {
    expect(mannKendall([1, 2, 3, 5, 4]).s).toBe(8)
    expect(mannKendall([1, 2, 3, 5, 4]).p / 2).toBeCloseTo(0.042, 3)
    expect(mannKendall([1, 2, 3, 4, 5]).p / 2).toBeCloseTo(1 / 120, 9)
    expect(mannKendall([3, 1, 2]).p).toBeCloseTo(1)
  })

  test('a level series has no trend', () => {
    expect(mannKendall([7, 7, 7, 7])).toEqual({ s: 0, p: expect.closeTo(1) })
  })
})

describe('a measurement', () => {
  test('is steady where its rate only scatters', () => {
    expect(steadinessOf([1010, 980, 1005, 990, 1000, 1015])?.steady).toBe(true)
  })

  test('is not where the service still warms up', () => {
    const warming = steadinessOf([700, 800, 880, 930, 960, 975])
    expect(warming?.steady).toBe(false)
    expect(warming?.drift).toBeGreaterThan(0.2)
  })

  test('is steady for all that matters where a certain trend is small', () => {
    const creeping = steadinessOf([1000, 1001, 1002, 1003, 1004, 1005])
    expect(creeping?.p).toBeLessThan(0.01)
    expect(creeping?.steady).toBe(true)
  })

  test('one stalled part is no trend', () => {
    expect(steadinessOf([1000, 1010, 200, 995, 1005, 990])?.steady).toBe(true)
  })

  test('that drifts is doubted, with its largest drift', () => {
    const [level, rising, falling] = [
      [10, 11, 10, 11, 10],
      [6, 7, 8, 9, 10],
      [40, 30, 20, 12, 10],
    ]
    const doubt = (...repeats: number[][]) => unsteadyDoubt(repeats.map(rates => steadinessOf(rates)))
    expect(doubt(level, rising, falling)).toBe(
      'not steady: the rate fell by 92 % in the course of a measurement (2 of 3 repeats drift)',
    )
    expect(doubt(level, [1])).toBeNull()
  })

  test('is unknown where too little was seen', () => {
    expect(steadinessOf([1, 2, 3, 4])).toBeNull()
    expect(steadinessOf([0, 0, 0, 0, 0])).toBeNull()
  })
})
