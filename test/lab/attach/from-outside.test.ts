import { expect, test } from 'vitest'
import { diagnose } from '../../../src/lab/analysis/diagnose.ts'
import { fromOutside } from '../../../src/lab/attach/from-outside.ts'
import type { Diagnosis, Sample } from '../../../src/lab/results.ts'
import { dedicated, figure, sample } from '../analysis/samples.ts'

/** A target of which nothing is busy, and that lets eight requests of 50 ms through at a time. */
function step(connections: number, change: Partial<Sample> = {}): Sample {
  const slots = 8
  const rate = Math.min(connections, slots) / 0.05
  return sample({
    label: `target, ${connections} connections`,
    load: { generator: 'undici', mode: 'closed', connections, durationS: 3 },
    throughputPerS: figure(rate),
    latencyMs: {
      ...{ p90: figure(1), p99: figure(1), max: figure(1) },
      p50: figure((connections / rate) * 1000),
    },
    ...change,
    utilisation: {
      ...{
        api: figure(0.05),
        apiThread: figure(0.06),
        database: null,
        generator: figure(0.02),
        host: figure(0.2),
      },
      ...change.utilisation,
    },
  })
}

const sweepOf = (change: Partial<Sample> = {}) => [1, 2, 4, 8, 16, 32].map(n => step(n, change))

function verdictOn(sweep: Sample[]) {
  const diagnosed = sweep.at(-1) ?? null
  return fromOutside(diagnose({ diagnosed }, dedicated), sweep)
}

function sessions(counts: Record<string, number>): Partial<Sample> {
  return {
    postgres: {
      sessions: Object.fromEntries(Object.entries(counts).map(([state, n]) => [state, figure(n)])),
      ...{ peakSessions: null, maxConnections: null, blockers: {}, statements: [], walBytesPerRequest: null },
      ...{ walFlush: { perS: null, ms: null, share: null }, checkpoints: null, probeCores: null },
    },
  }
}

test('more clients that only wait longer, and no CPU in use: a wait, and how many are let through', () => {
  const diagnosis = verdictOn(sweepOf())
  expect(diagnosis).toMatchObject({ limit: 'external-wait', confidence: 'medium' })
  expect(diagnosis.sentence).toContain('about 8 requests at a time')
  expect(diagnosis.next).toContain('--database')
})

test('waits of two kinds: what is let through at once follows from the mean, not from the median', () => {
  // Nine of ten requests take 1 ms and one 491: 50 ms on average.
  const bimodal = sweepOf().map(one => {
    const { p50, ...others } = one.latencyMs
    return { ...one, latencyMs: { ...others, p50: figure(1), mean: p50 } }
  })
  expect(verdictOn(bimodal).sentence).toContain('about 8 requests at a time')
})

test('all of as many sessions busy, and PostgreSQL idle: the pool', () => {
  const diagnosis = verdictOn(
    sweepOf({
      ...sessions({ 'Timeout:PgSleep': 7.9, idle: 0.1 }),
      utilisation: { ...step(1).utilisation, database: figure(0.02) },
    }),
  )
  expect(diagnosis.limit).toBe('connection-pool')
  expect(diagnosis.causes[0]?.evidence[0]).toBe(
    'PostgreSQL has 8 sessions of this database, 7.9 of them busy at any moment',
  )
})

test('sessions to spare clear the pool', () => {
  const spare = {
    ...sessions({ cpu: 1, idle: 7 }),
    utilisation: { ...step(1).utilisation, database: figure(0.02) },
  }
  expect(verdictOn(sweepOf(spare)).limit).toBe('external-wait')
})

/** A row that one session holds: one request after the other, so that two clients get the highest rate. */
const locked = [1, 2, 4, 8, 16, 20].map(connections =>
  step(connections, {
    ...sessions({ 'Timeout:PgSleep': 1, 'Lock:transactionid': connections - 1 - 0.1 }),
    throughputPerS: figure(connections === 2 ? 158 : connections === 1 ? 145 : 150),
    utilisation: { ...step(1).utilisation, database: figure(0.2) },
  }),
)

test('a row that a transaction keeps locked: the lock, though the best sample has only two clients', () => {
  const diagnosed = locked[1] ?? null
  const diagnosis = fromOutside(diagnose({ diagnosed }, dedicated), locked)
  expect(diagnosis).toMatchObject({ limit: 'database-locks', confidence: 'medium' })
  expect(diagnosis.sentence).toContain('18.9 of 19.9 active sessions wait for a lock')
  expect(diagnosis.causes[0]?.evidence[0]).toContain('20 connections: 150 requests/s')
})

test('on a busy machine the lock comes second, once', () => {
  const busy = locked.map(one => ({ ...one, utilisation: { ...one.utilisation, host: figure(7.9) } }))
  const diagnosis = fromOutside(diagnose({ diagnosed: busy.at(-1) ?? null }, dedicated), busy)
  expect(diagnosis.causes.map(({ limit }) => limit)).toEqual(['environment', 'database-locks'])
})

test('nothing is proven while the rate still grows, or where the CPU is not known', () => {
  expect(verdictOn([1, 2, 4, 8].map(n => step(n))).limit).toBe('inconclusive')
  const unknown = sweepOf({ utilisation: { ...step(1).utilisation, api: null, apiThread: null } })
  expect(verdictOn(unknown).limit).toBe('inconclusive')
})

test('on a machine that others keep busy it is the second cause', () => {
  const sweep = sweepOf()
  const busy: Diagnosis = {
    ...diagnose({ diagnosed: sweep.at(-1) ?? null }, dedicated),
    ...{ limit: 'environment', confidence: 'high', sentence: 'The machine was busy.' },
    causes: [{ limit: 'environment', evidence: ['others use 90 %'] }],
  }
  const { limit, sentence, causes } = fromOutside(busy, sweep)
  expect({ limit, sentence }).toEqual({ limit: 'environment', sentence: 'The machine was busy.' })
  expect(causes.map(cause => cause.limit)).toEqual(['environment', 'external-wait'])
})

test('a diagnosis that stands is left alone', () => {
  const busy = sweepOf({
    utilisation: { ...step(1).utilisation, api: figure(0.98), apiThread: figure(0.99) },
  })
  expect(verdictOn(busy).limit).toBe('api-cpu')
})
