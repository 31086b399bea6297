import { expect, test } from 'vitest'
import { figureOf } from '../../../src/lab/analysis/figures.ts'
import { scalingOf } from '../../../src/lab/analysis/scaling.ts'
import { scalingInWords } from '../../../src/lab/analysis/scaling-wording.ts'
import type { Figure, Sample } from '../../../src/lab/results.ts'
import { sample } from './samples.ts'

const doubling = [1, 2, 4, 8, 16, 32, 64]

/** Three repeats, two per cent to either side. */
function around(value: number): Figure {
  const figure = figureOf([value * 0.98, value, value * 1.02])
  if (figure === null) throw new Error('no repeats')
  return figure
}

function swept(variant: string, connections: number, perS: number, change: Partial<Sample> = {}): Sample {
  const latency = around((connections / perS) * 1000)
  return sample({
    label: `${variant}, ${connections} ${connections === 1 ? 'connection' : 'connections'}`,
    load: { generator: 'undici', mode: 'closed', connections, durationS: 3 },
    throughputPerS: around(perS),
    latencyMs: { p50: latency, p90: latency, p99: latency, max: latency },
    ...change,
  })
}

const usl = (n: number) => (2_000 * n) / (1 + 0.05 * (n - 1) + 0.002 * n * (n - 1))

test('a sweep of one statement a request: the law that made it, its peak, its knee', () => {
  const [scaling, ...others] = scalingOf(doubling.map(n => swept('prepared', n, usl(n))))
  expect(others).toEqual([])
  expect(scaling).toMatchObject({ variant: 'prepared', connections: doubling, notes: [] })
  const [fit] = scaling?.fits ?? []
  if (fit?.model !== 'usl') throw new Error('no fit')
  for (const [estimate, truth] of [
    [fit.lambdaPerS, 2_000],
    [fit.sigma, 0.05],
    [fit.kappa, 0.002],
    [fit.peak?.connections, Math.sqrt(0.95 / 0.002)],
  ] as const) {
    expect(estimate?.value).toBeCloseTo(truth, 3)
    expect(estimate?.low).toBeLessThan(truth)
    expect(estimate?.high).toBeGreaterThan(truth)
  }
  expect(fit.peak?.measured).toBe(true)
  expect(scaling?.knee).not.toBeNull()
})

test('the knee is read off mean latencies, whatever the median of two kinds of wait says', () => {
  const median = around(1)
  const bimodal = doubling.map(n => {
    const mean = around((n / usl(n)) * 1000)
    return swept('prepared', n, usl(n), { latencyMs: { p50: median, p90: mean, p99: mean, max: mean, mean } })
  })
  const plain = doubling.map(n => swept('prepared', n, usl(n)))
  const knee = scalingOf(bimodal)[0]?.knee?.connections
  expect(knee).toBeCloseTo(scalingOf(plain)[0]?.knee?.connections ?? 0, 3)
})

test('a peak beyond the sweep is called extrapolated', () => {
  const low = [1, 2, 3, 4, 6, 8]
  const [scaling] = scalingOf(low.map(n => swept('prepared', n, usl(n))))
  expect(scaling?.fits).toMatchObject([{ peak: { measured: false } }])
  expect(scaling?.notes[0]).toContain('extrapolated: nothing beyond 8 was measured')
})

test('rows that share batches: no law that knows only clients', () => {
  const [scaling] = scalingOf(
    doubling.map(n => {
      const rows = Math.max(1, n / 2)
      const cpuPerRequestUs = {
        api: around(18 + 90 / rows),
        database: around(5 + 60 / rows),
        generator: null,
      }
      return swept('batched', n, usl(n), { cpuPerRequestUs, rowsPerBatch: around(rows) })
    }),
  )
  expect(scaling?.fits).toEqual([])
  expect(scaling?.notes[0]).toContain('no fit: rows that share a batch')
})

test('a point that the law misses is told of; where it misses by far, there is no fit', () => {
  const withEighth = (share: number) =>
    scalingOf(doubling.map(n => swept('prepared', n, n === 8 ? usl(n) * share : usl(n))))[0]
  expect(withEighth(0.7)?.notes.join()).toContain('the fit misses a measured point by')
  expect(withEighth(0.7)?.fits).toHaveLength(1)
  expect(withEighth(0.4)?.notes.join()).toContain(
    'no fit: the Universal Scalability Law misses a measured point by',
  )
  expect(withEighth(0.4)?.fits).toEqual([])
})

test('steps that were measured once: intervals from the misfit, never of no width', () => {
  const once = (value: number): Figure => ({
    median: value,
    low: value,
    high: value,
    repeats: 1,
    values: [value],
  })
  const [scaling] = scalingOf(
    doubling.map((n, i) =>
      swept('once', n, usl(n), { throughputPerS: once(usl(n) * (i % 2 ? 1.05 : 0.95)) }),
    ),
  )
  const [fit] = scaling?.fits ?? []
  if (fit?.model !== 'usl') throw new Error('no fit')
  expect(fit.lambdaPerS.high - fit.lambdaPerS.low).toBeGreaterThan(0.03 * fit.lambdaPerS.value)
  expect(fit.sigma.low).toBeLessThan(fit.sigma.value)
  expect(scaling?.notes).toContain(
    'some steps were measured once: the intervals come from the errors of the fit',
  )
})

test('too few concurrencies, or an open loop, is no sweep', () => {
  expect(scalingOf([1, 8, 64].map(n => swept('ping', n, usl(n))))).toEqual([])
  const open = doubling.map(n =>
    swept('ping', n, usl(n), { load: { generator: 'k6', mode: 'open', ratePerS: n, durationS: 3 } }),
  )
  expect(scalingOf(open)).toEqual([])
})

test('in words: what the law says, with intervals, and what cannot be said', () => {
  const [prepared = ''] = scalingInWords(scalingOf(doubling.map(n => swept('prepared', n, usl(n)))))
  expect(prepared).toMatch(
    /^prepared, 1 to 64 connections: by the Universal Scalability Law one client alone gets 2,000 requests\/s \([\d,–]+\), 5 % \(/,
  )
  expect(prepared).toMatch(/throughput peaks with .+ at 21\.8 connections .+; the knee is between/)
  const straight = scalingInWords(scalingOf(doubling.map(n => swept('idle', n, 100 * n))))
  expect(straight[0]).toMatch(
    /; throughput only rises; no knee: throughput has no bend in the measured range\.$/,
  )
})
