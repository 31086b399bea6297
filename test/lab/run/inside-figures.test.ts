import { expect, test } from 'vitest'
import type { PostgresWindow } from '../../../src/lab/probes/postgres/watch.ts'
import type { ServiceWindow } from '../../../src/lab/probes/service-state.ts'
import { insideFigures } from '../../../src/lab/run/inside-figures.ts'
import { observation, unread } from './observation.ts'

function service(poolQueue: number | null): ServiceWindow {
  return {
    whereabouts: { service: 64, poolQueue, database: 20, batchQueue: 0 },
    pool: { max: 20, used: 20, waitMs: 3, useMs: 1, timeouts: 0 },
    ...{ requests: 2000, refusals: new Map([['connection_queue', 500]]) },
    ...{ gcShare: 0.02, gcPauseMs: 1.5, residentMiB: 90, heapShare: 0.1, rowsPerBatch: null },
  }
}

function postgres(change: Partial<PostgresWindow> = {}): PostgresWindow {
  return {
    windowS: 2.5,
    sessions: { mean: new Map([['cpu', 2]]), peak: 21, looks: 30 },
    blockers: new Map(),
    statements: [{ text: 'INSERT', calls: 2500, executionUs: 250_000 }],
    ...{ walBytes: 500_000, flushes: 250, walIoMs: 2000, flushMs: 1500, checkpoints: 0 },
    ...{ maxConnections: 100, probeUs: 25_000 },
    ...change,
  }
}

test('what could not be read is left out or null, and never zero', () => {
  expect(insideFigures([observation()])).toEqual({
    generatorStalled: null,
    pressure: { cpu: null, io: null, memory: null },
    throttled: { api: null, database: null, generator: null },
  })
})

test('a part that one of the repeats does not have is left out, a reading that one does not have is null', () => {
  expect(insideFigures([observation({ service: service(40) }), observation()]).whereabouts).toBeUndefined()
  const { whereabouts } = insideFigures([
    observation({ service: service(40) }),
    observation({ service: service(null) }),
  ])
  expect(whereabouts?.poolQueue).toBeNull()
  expect(whereabouts?.service).toMatchObject({ median: 64, repeats: 2 })
})

test('PostgreSQL’s totals become rates and costs of a request, each over its own window', () => {
  const { postgres: figures } = insideFigures([observation({ postgres: postgres() })])
  expect(figures).toMatchObject({
    sessions: { cpu: { median: 2 } },
    peakSessions: { median: 21 },
    statements: [{ text: 'INSERT', callsPerRequest: { median: 1 }, executionUsPerRequest: { median: 100 } }],
    walBytesPerRequest: { median: 200 },
    walFlush: { perS: { median: 100 }, ms: { median: 6 }, share: { median: 0.8 } },
    probeCores: { median: 0.01 },
  })
})

test('an activity that only one repeat saw counts as none in the other', () => {
  const waiting = { mean: new Map([['Lock:tuple', 4]]), peak: 21, looks: 30 }
  const { postgres: figures } = insideFigures([
    observation({ postgres: postgres() }),
    observation({ postgres: postgres({ sessions: waiting }) }),
  ])
  expect(figures?.sessions['Lock:tuple']).toMatchObject({ median: 2, low: 0, high: 4 })
})

test('failures and refusals are shares, by how and by which limit', () => {
  const { load } = observation()
  const { failures, refusals } = insideFigures([
    observation({
      load: { ...load, succeeded: 1500, failed: 500, failures: { '503': 490, 'no answer': 10 } },
      service: service(40),
    }),
  ])
  expect(failures).toMatchObject({ '503': { median: 0.245 }, 'no answer': { median: 0.005 } })
  expect(refusals).toMatchObject({ connection_queue: { median: 0.25 } })
})

test('a quota is a share of the window', () => {
  const { throttled } = insideFigures([observation({ throttledUs: { ...unread, api: 500_000 } })])
  expect(throttled?.api).toMatchObject({ median: 0.25 })
})

test('a quota that kept two cores from the process is no more than the whole window', () => {
  const { throttled } = insideFigures([observation({ throttledUs: { ...unread, api: 3_000_000 } })])
  expect(throttled?.api).toMatchObject({ median: 1 })
})
