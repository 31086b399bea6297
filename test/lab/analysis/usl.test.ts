import { describe, expect, test } from 'vitest'
import { fitUsl, peakOf, throughputAt, type UslPoint } from '../../../src/lab/analysis/usl.ts'

function pointsOf(pairs: readonly (readonly [number, number])[]): UslPoint[] {
  return pairs.map(([n, throughputPerS]) => ({ n, throughputPerS }))
}

/**
 * Both from Gunther, Guerrilla Capacity Planning (2007), as the R package usl 3.0 distributes them: scripts/h of
 * a SPARCcenter 2000 under SPEC SDM91, and rays of BRL-CAD's benchmark on an Origin 2000.
 */
const specsdm91 = pointsOf([
  ...([
    [1, 64.9],
    [18, 995.9],
    [36, 1652.4],
    [72, 1853.2],
  ] as const),
  ...([
    [108, 1828.9],
    [144, 1775.0],
    [216, 1702.2],
  ] as const),
])
const raytracer = pointsOf([
  ...([
    [1, 20],
    [4, 78],
    [8, 130],
    [12, 170],
    [16, 190],
    [20, 200],
  ] as const),
  ...([
    [24, 210],
    [28, 230],
    [32, 260],
    [48, 280],
    [64, 310],
  ] as const),
])

describe('coefficients and peak that the usl package publishes', () => {
  test('SPEC SDM91 (its README and tests/peak-scalability.R)', () => {
    const fit = fitUsl(specsdm91, 'absolute')
    expect(fit?.sigma).toBeCloseTo(0.0277285, 6)
    expect(fit?.kappa).toBeCloseTo(0.0001044, 7)
    expect(fit?.lambdaPerS).toBeCloseTo(89.995233, 3)
    const peak = fit && peakOf(fit)
    expect(peak?.n).toBeCloseTo(96.51956, 2)
    expect(peak?.throughputPerS).toBeCloseTo(1884, 0)
  })

  test('the first six of the ray tracer (its tests/confint.R)', () => {
    const fit = fitUsl(raytracer.slice(0, 6), 'absolute')
    expect(fit?.sigma).toBeCloseTo(0.02444, 5)
    expect(fit?.kappa).toBeCloseTo(0.00163, 5)
    expect(fit?.lambdaPerS).toBeCloseTo(20.85605, 4)
  })

  test('exact data (its tests/coef.R)', () => {
    const exact = pointsOf([
      [1, 1],
      [2, 1.8868],
      [4, 3.0769],
      [6, 3.5294],
      [8, 3.5398],
      [10, 3.3557],
    ])
    for (const errors of ['absolute', 'relative'] as const) {
      const fit = fitUsl(exact, errors)
      expect(fit?.sigma).toBeCloseTo(0.02, 4)
      expect(fit?.kappa).toBeCloseTo(0.02, 4)
      expect(fit?.lambdaPerS).toBeCloseTo(1, 4)
    }
  })
})

test('on a bound: the whole ray tracer wants a negative κ, and gets the optimum that scipy finds with bounds', () => {
  // scipy 1.x, curve_fit(bounds=(0, inf)): λ 21.8488, σ 0.0577708, κ 0.
  const fit = fitUsl(raytracer, 'absolute')
  expect(fit?.kappa).toBe(0)
  expect(fit?.sigma).toBeCloseTo(0.0577708, 6)
  expect(fit?.lambdaPerS).toBeCloseTo(21.8488, 3)
  expect(fit && peakOf(fit)).toBeNull()
})

test('no scaling loss at all is a straight line', () => {
  const fit = fitUsl([1, 2, 4, 8, 16, 32].map(n => ({ n, throughputPerS: 500 * n })))
  expect(fit?.lambdaPerS).toBeCloseTo(500, 6)
  expect(fit?.sigma).toBeCloseTo(0, 9)
  expect(fit && throughputAt(fit, 64)).toBeCloseTo(32_000, 3)
})

test('fewer than six concurrencies, or a step without an answer, is no fit', () => {
  expect(fitUsl(specsdm91.slice(0, 5))).toBeNull()
  expect(fitUsl([...specsdm91.slice(0, 5), ...specsdm91.slice(0, 5)])).toBeNull()
  expect(fitUsl([...specsdm91, { n: 300, throughputPerS: 0 }])).toBeNull()
})

test('where clients only hinder each other the peak is at one', () => {
  expect(peakOf({ lambdaPerS: 100, sigma: 1.2, kappa: 0.1 })?.n).toBe(1)
})
