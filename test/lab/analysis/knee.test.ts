import { describe, expect, test } from 'vitest'
import { asymptoteCrossing, kneedle, kneeOf } from '../../../src/lab/analysis/knee.ts'

test('Kneedle on figure 2 of its paper (values and knee as in the README of kneed)', () => {
  const x = [0, 0.111, 0.222, 0.333, 0.444, 0.556, 0.667, 0.778, 0.889, 1]
  const y = [-5, 0.263, 1.897, 2.692, 3.163, 3.475, 3.696, 3.861, 3.989, 4.091]
  expect(kneedle(x.map((value, i) => ({ x: value, y: y[i] ?? 0 })))).toBe(0.222)
})

test('a straight line has no knee', () => {
  expect(kneedle([1, 2, 4, 8, 16].map(n => ({ x: n, y: 100 * n })))).toBeNull()
})

/** Asymptotic bounds of a closed loop: D of service in all, Dmax of it at one place that fills. */
function bounded(ns: readonly number[], { dMs, dMaxMs }: { dMs: number; dMaxMs: number }) {
  return ns.map(n => {
    const latencyMs = Math.max(dMs, n * dMaxMs)
    return { n, throughputPerS: (n / latencyMs) * 1000, latencyMs }
  })
}

const doubling = [1, 2, 4, 8, 16, 32, 64, 128]

describe('the knee', () => {
  test('is where the asymptotes cross, at D/Dmax', () => {
    const sweep = bounded(doubling, { dMs: 8, dMaxMs: 1 })
    expect(asymptoteCrossing(sweep)).toBeCloseTo(8)
    expect(kneeOf(sweep)).toEqual({
      knee: { connections: expect.closeTo(8), low: expect.closeTo(8), high: expect.closeTo(8) },
    })
  })

  test('is not told where throughput still rises', () => {
    expect(kneeOf(bounded(doubling, { dMs: 500, dMaxMs: 1 }))).toEqual({
      knee: null,
      why: 'throughput has no bend in the measured range',
    })
  })

  test('is not told where the methods disagree', () => {
    const sweep = bounded(doubling, { dMs: 8, dMaxMs: 1 }).map(point => ({
      ...point,
      latencyMs: point.n < 64 ? 8 : 16,
    }))
    const { knee, ...rest } = kneeOf(sweep)
    expect(knee).toBeNull()
    expect(rest).toMatchObject({ why: 'throughput bends at 8 clients, latency at 64: the two do not agree' })
  })

  test('needs latency to have risen', () => {
    const flat = bounded(doubling, { dMs: 8, dMaxMs: 1 }).map(point => ({ ...point, latencyMs: 8 }))
    expect(kneeOf(flat)).toMatchObject({ knee: null, why: expect.stringContaining('latency') })
  })
})
