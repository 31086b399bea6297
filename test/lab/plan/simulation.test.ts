import { describe, expect, test } from 'vitest'
import type { Costs } from '../../../src/lab/plan/costs.ts'
import { type System, simulate } from '../../../src/lab/plan/simulation.ts'

const costs: Costs = {
  api: { requestUs: 40, rowUs: 0, batchUs: 100 },
  database: { requestUs: 6, rowUs: 0, batchUs: 80 },
  generatorUs: 15,
  generatorBurstUs: 0,
  garbageUs: 0,
  garbageStopUs: 0,
  pauseUs: 300,
}

const run = (change: Partial<System>) =>
  simulate({
    costs,
    rowsPerRequest: 1,
    workers: 1,
    load: { mode: 'closed', clients: 1 },
    sharedCores: null,
    othersCores: 0,
    seconds: 3,
    ...change,
  })

/** Within so many percent; a run has some thousand requests, whose mean is known to about one. */
const near = (value: number, percent: number) => ({
  low: value * (1 - percent / 100),
  high: value * (1 + percent / 100),
})
const expectNear = (value: number, expected: number, percent: number) => {
  const { low, high } = near(expected, percent)
  expect(value).toBeGreaterThan(low)
  expect(value).toBeLessThan(high)
}

describe('laws that any queueing system keeps', () => {
  test('a lone client waits for everything, one after the other', () => {
    const { throughputPerS, rowsPerBatch } = run({})
    expectNear(throughputPerS, 1e6 / (40 + 100 + 6 + 80 + 15 + 300), 5)
    expect(rowsPerBatch).toBe(1)
  })

  test('utilisation: the busiest thread sets the ceiling, 1 / D', () => {
    // Batches as large as half the clients leave the request itself.
    const { throughputPerS, rowsPerBatch } = run({ load: { mode: 'closed', clients: 200 } })
    expectNear(throughputPerS, 1e6 / (40 + 100 / rowsPerBatch), 5)
  })

  test('shared cores: all demands together set it, cores / ΣD', () => {
    const { throughputPerS, rowsPerBatch } = run({
      load: { mode: 'closed', clients: 200 },
      workers: 2,
      sharedCores: 1,
    })
    expectNear(throughputPerS, 1e6 / (40 + 6 + 15 + 180 / rowsPerBatch), 5)
  })

  test("Little's law: clients = throughput · (latency + what sending takes)", () => {
    const clients = 16
    const open = run({ load: { mode: 'open', ratePerS: 5000 } })
    expectNear(open.throughputPerS, 5000, 5)
    const closed = run({ load: { mode: 'closed', clients } })
    // The median of a wait that is spread about evenly is close to its mean.
    expectNear(closed.throughputPerS * (closed.latencyMs.p50 / 1000), clients, 20)
  })
})

test('batches grow with the load, and rows get cheaper by it', () => {
  const at = (clients: number) => run({ load: { mode: 'closed', clients } })
  const sizes = [1, 8, 64].map(clients => at(clients).rowsPerBatch)
  expect(sizes).toEqual(sizes.toSorted((a, b) => a - b))
  expect(sizes[2]).toBeGreaterThan(16)
  // Eight times the clients bring more than a fixed cost a row would let through.
  expect(at(64).throughputPerS).toBeGreaterThan(1e6 / (40 + 100))
})

test('latency at half load is that of a batch or two, and explodes past the ceiling', () => {
  const light = run({ load: { mode: 'open', ratePerS: 8_000 } })
  expect(light.latencyMs.p50).toBeGreaterThan(0.5)
  expect(light.latencyMs.p99).toBeLessThan(5)
  const heavy = run({ load: { mode: 'open', ratePerS: 40_000 } })
  expect(heavy.latencyMs.p99).toBeGreaterThan(100)
})

describe('what makes some answers late', () => {
  const load = { mode: 'closed', clients: 16 } as const

  test('garbage is part of what requests cost: the rate stays, the slow get slower', () => {
    const steady = run({ load })
    const stopped = run({ load, costs: { ...costs, garbageUs: 4, garbageStopUs: 4_000 } })
    expectNear(stopped.throughputPerS, steady.throughputPerS, 5)
    expect(stopped.latencyMs.p99).toBeGreaterThan(steady.latencyMs.p99 + 2)
  })

  test('who shares cores waits for others, and batches grow meanwhile', () => {
    const alone = run({ load })
    const crowded = run({ load, sharedCores: 1 })
    expect(crowded.rowsPerBatch).toBeGreaterThan(1.2 * alone.rowsPerBatch)
    const disturbed = run({ load, sharedCores: 1, othersCores: 0.1 })
    expectNear(disturbed.throughputPerS, 0.9 * crowded.throughputPerS, 5)
    expect(disturbed.latencyMs.p99).toBeGreaterThan(crowded.latencyMs.p99 + 2)
  })
})

test('the same system gives the same figures', () => {
  const load = { mode: 'closed', clients: 8 } as const
  expect(run({ load })).toEqual(run({ load }))
})
