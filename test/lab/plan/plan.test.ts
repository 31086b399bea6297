import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { costsOf, requestCostUs } from '../../../src/lab/plan/costs.ts'
import type { PlanFigure } from '../../../src/lab/plan/figures/figure.ts'
import { overlayOf } from '../../../src/lab/plan/overlay.ts'
import { type Plan, planFor } from '../../../src/lab/plan/plan.ts'
import { renderPlan } from '../../../src/lab/plan/render.ts'
import { batchAt, sizeOf } from '../../../src/lab/plan/sizing.ts'
import { api, batched, database, generatorUs, pauseUs, results, samples } from './known-costs.ts'

const assumptions = { utilisation: 0.7, databaseCores: 32, walMBPerS: 200, textBytes: 24 }
const objective = { ratePerS: 100_000, rowsPerRequest: 1, p99Ms: 50 }
/** Each plan once: it simulates its worker at a dozen loads. */
const plans = new Map<string, Plan>()
const planned = (change: Partial<typeof objective> = {}): Plan => {
  const asked = { ...objective, ...change }
  const key = JSON.stringify(asked)
  const plan = plans.get(key) ?? planFor(results(samples), asked, assumptions)
  if (!('figures' in plan)) throw new Error(JSON.stringify(plan))
  plans.set(key, plan)
  return plan
}
const named = ({ figures }: Plan, name: string): PlanFigure => {
  const found = figures.find(each => each.name === name)
  if (found === undefined) throw new Error(`no figure ${name}`)
  return found
}

describe('costs', () => {
  test('are read back from samples that have them, with their interval around', () => {
    const found = costsOf(samples)
    if ('missing' in found) throw new Error(found.missing)
    expect(found.costs.api.requestUs).toBeCloseTo(20, 6)
    expect(found.costs.api.rowUs).toBeCloseTo(2, 6)
    expect(found.costs.api.batchUs).toBeCloseTo(60, 6)
    expect(found.costs.database.batchUs).toBeCloseTo(80, 6)
    expect(found.costs.pauseUs).toBeCloseTo(pauseUs, 6)
    expect(found.measured).toMatchObject({ rowsPerRequest: [1, 10], rowsPerBatch: 300, workers: 1 })
  })

  test.each([
    ['nothing', [], /there are 0/],
    ['one size of batch', [batched(1, 1), batched(8, 1), batched(64, 1)], /three or more/],
    ['no lone client', [batched(8, 4), batched(16, 8), batched(64, 30)], /single connection/],
    ['another strategy', samples.map(each => ({ ...each, knobs: { strategy: 'prepared' } })), /there are 0/],
  ])('of %s are not made up', (_, all, says) => {
    expect(costsOf(all)).toEqual({ missing: expect.stringMatching(says) })
  })
})

test('telemetry costs what the watched service took more than the one beside it, in the same repeats', () => {
  const figureOfRepeats = (...values: [number, number, number]) => ({
    ...{ median: values[1], low: values[0], high: values[2], repeats: 3, values },
  })
  const [sample] = samples
  if (sample === undefined) throw new Error('no sample')
  const watched = {
    ...sample,
    label: 'batched, full, 1 % traced',
    knobs: { strategy: 'batched', telemetry: 'full, 1 % traced' },
    cpuPerRequestUs: { ...sample.cpuPerRequestUs, api: figureOfRepeats(25, 36, 47) },
    besideUs: figureOfRepeats(20, 30, 40),
  }
  const plan = planFor(results([...samples, watched]), objective, assumptions)
  if (!('figures' in plan)) throw new Error(JSON.stringify(plan))
  // 5, 6 and 7 us at 100,000 requests/s, on cores that are 70 % busy.
  const { value, low, high } = named(plan, 'telemetryCores')
  expect([low, value, high].map(cores => Number((cores * 0.7).toFixed(9)))).toEqual([0.5, 0.6, 0.7])
  expect(planned().figures.map(({ name }) => name)).not.toContain('telemetryCores')
})

describe('sizes', () => {
  const costs = { api, database, generatorUs, generatorBurstUs: 0, garbageUs: 0, garbageStopUs: 0, pauseUs }

  test('a batch is what arrives while one is on its way', () => {
    // t₀ = 400 + 60 + 80 us, t₁ = 2 + 3 + 1 us a row.
    expect(batchAt(costs, 10_000, 1, 1)).toBeCloseTo((0.01 * 540) / (1 - 0.01 * 6), 9)
    expect(batchAt(costs, 1, 1, 1)).toBe(1)
    expect(batchAt(costs, 20_000, 1, 4)).toBeCloseTo(batchAt(costs, 5_000, 1, 1), 9)
  })

  test('a worker is as busy as it may be, and all of them take the rate', () => {
    const sizing = sizeOf(costs, objective, assumptions, 0, Number.POSITIVE_INFINITY)
    if (sizing === null) throw new Error('no sizing')
    const { workerRatePerS, workers, rowsPerBatch } = sizing
    expect((workerRatePerS * requestCostUs(api, 1, rowsPerBatch)) / 1e6).toBeCloseTo(0.7, 3)
    expect(workers).toBe(Math.ceil(100_000 / workerRatePerS))
    expect(sizing.apiCores).toBeCloseTo(100_000 / workerRatePerS, 1)
  })

  test('past what one server can do they are divided, and rows get dearer by it', () => {
    const many = { ...objective, ratePerS: 10_000_000 }
    const one = sizeOf(costs, many, { ...assumptions, databaseCores: 1e6 }, 0, 1e9)
    const divided = sizeOf(costs, many, assumptions, 0, 1e9)
    if (one === null || divided === null) throw new Error('no sizing')
    expect(one.shards).toBe(1)
    expect(divided.shards).toBeGreaterThan(one.databaseCores / assumptions.databaseCores)
    expect(divided.databaseCores).toBeGreaterThan(one.databaseCores)
    expect(divided.databaseCores / divided.shards).toBeLessThanOrEqual(assumptions.databaseCores)
    expect(divided.onePostgresPerS).toBeLessThan(10_000_000)
  })

  test('WAL ends a server, too', () => {
    // 100,000 rows/s of 10 kB are 1,000 MB/s.
    expect(sizeOf(costs, objective, assumptions, 10_000, 1e9)?.shards).toBe(5)
  })
})

describe('a plan', () => {
  test('gives every figure its interval, its formula, and what it rests on', () => {
    const plan = planned()
    for (const { low, value, high, formula, basis, because, name } of plan.figures) {
      expect(low, name).toBeLessThanOrEqual(value)
      expect(high, name).toBeGreaterThanOrEqual(value)
      expect(formula.length, name).toBeGreaterThan(3)
      expect(because === null, name).toBe(basis === 'measured')
    }
    expect(named(plan, 'apiCores').high).toBeGreaterThan(named(plan, 'apiCores').low)
    expect(named(plan, 'workers').basis).toBe('extrapolated')
    expect(named(planned({ ratePerS: 1_000 }), 'databaseCores').basis).toBe('measured')
  })

  test('takes more workers for a shorter objective, and none for an impossible one', () => {
    const workers = (p99Ms: number) => named(planned({ p99Ms }), 'workers').value
    expect(workers(3)).toBeGreaterThan(workers(50))
    expect(planFor(results(samples), { ...objective, p99Ms: 0.1 }, assumptions)).toEqual({
      impossible: expect.stringContaining('even a single request takes'),
    })
  })

  test('reaches to ten million a second', () => {
    const plan = planned({ ratePerS: 10_000_000 })
    expect(named(plan, 'shards').value).toBeGreaterThan(1)
    expect(renderPlan(plan)).toContain('Citus')
  })

  test('for many rows needs to have seen many', () => {
    const single = samples.filter(({ knobs }) => knobs['rows'] === 1)
    expect(planFor(results(single), { ...objective, rowsPerRequest: 10 }, assumptions)).toEqual({
      missing: expect.stringContaining('more than one row'),
    })
    expect(named(planned({ rowsPerRequest: 10 }), 'workers').value).toBeGreaterThan(
      named(planned(), 'workers').value,
    )
  })

  test('says what it could not tell', () => {
    expect(renderPlan(planned())).toMatch(
      /What this plan does not know:[\s\S]*WAL was not measured[\s\S]*observability-price/,
    )
  })

  test('says one pod and one repeat in the singular', () => {
    const once = samples.map(one => {
      const { median } = one.throughputPerS
      return { ...one, throughputPerS: { ...one.throughputPerS, values: [median], repeats: 1 } }
    })
    const plan = planFor(results(once), { ...objective, ratePerS: 100 }, assumptions)
    if (!('figures' in plan)) throw new Error(JSON.stringify(plan))
    const text = renderPlan(plan)
    expect(text).toMatch(/workers, one a pod +1 pod$/m)
    expect(text).toContain('only 1 repeat: ')
  })

  test('keeps all connections under max_connections', () => {
    for (const ratePerS of [1_000, 100_000, 10_000_000]) {
      const plan = planned({ ratePerS })
      expect(named(plan, 'backends').value + 10).toBeLessThanOrEqual(named(plan, 'maxConnections').value)
      const overlay = parse(
        overlayOf(plan, { operators: '../operators', load: '../../load' }).get('kustomization.yaml') ?? '',
      ) as { patches: { patch: string }[] }
      const values = Object.fromEntries(
        overlay.patches
          .flatMap(({ patch }) => parse(patch) as { path: string; value: string }[])
          .map(({ path, value }) => [path.split('/').at(-1), value]),
      )
      const { instances, default_pool_size, max_connections, replicas } = values
      expect((Number(instances) + 1) * Number(default_pool_size)).toBeLessThanOrEqual(
        Number(max_connections) - 10,
      )
      expect(replicas).toBe(named(plan, 'workers').value)
    }
  })
})
