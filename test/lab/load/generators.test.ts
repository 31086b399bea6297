import { describe, expect, test } from 'vitest'
import type { LoadGenerator, LoadPlan } from '../../../src/lab/load/generator.ts'
import { findK6 } from '../../../src/lab/load/k6.ts'
import { undiciGenerator } from '../../../src/lab/load/undici.ts'
import { startCountingServer } from './counting-server.ts'

const k6 = findK6()
const generators: LoadGenerator[] = k6 === null ? [undiciGenerator] : [undiciGenerator, k6]

const plan = (baseUrl: string, change: Partial<LoadPlan> = {}): LoadPlan => ({
  baseUrl,
  requests: [{ path: '/ping/' }],
  shape: { mode: 'closed', connections: 4 },
  warmupS: 0,
  durationS: 1, // the least that k6 accepts
  ...change,
})

function run(generator: LoadGenerator, what: LoadPlan, signal = new AbortController().signal) {
  const edges: { edge: string; pid: number; atMs: number }[] = []
  const live: number[] = []
  const result = generator.run(what, {
    signal,
    onLive: rate => live.push(rate),
    onWindow: (edge, pid) => edges.push({ edge, pid, atMs: performance.now() }),
  })
  return { result, edges, live }
}

describe.each(generators)('$name', generator => {
  test('counts what the server counted', async () => {
    await using server = await startCountingServer()
    const { succeeded, failed, dropped } = await run(generator, plan(server.url)).result
    expect(succeeded).toBeGreaterThan(0)
    expect(failed).toBe(0)
    expect(dropped).toBe(0)
    // A request in flight on each connection may fall outside either end of the window; undici's
    // window also opens and closes a message later than its connections.
    expect(succeeded).toBeLessThanOrEqual(server.total())
    expect(succeeded).toBeGreaterThan(server.total() * 0.5)
  })

  test('leaves the warm-up out, and opens and closes the window around the rest', async () => {
    await using server = await startCountingServer()
    const { result, edges } = run(generator, plan(server.url, { warmupS: 1.2, durationS: 0.4 }))
    const { succeeded } = await result
    expect(succeeded).toBeGreaterThan(0)
    expect(succeeded).toBeLessThan(server.total() * 0.75)
    const [opens, closes] = edges
    expect(edges.map(({ edge }) => edge)).toEqual(['opens', 'closes'])
    expect(opens?.pid).toBeGreaterThan(0)
    expect((closes?.atMs ?? 0) - (opens?.atMs ?? 0)).toBeGreaterThan(200)
  })

  test('resolves latencies below a millisecond, in order', async () => {
    await using server = await startCountingServer()
    const single = plan(server.url, { shape: { mode: 'closed', connections: 1 } })
    const { latencyMs } = await run(generator, single).result
    expect(latencyMs.p50).toBeGreaterThan(0)
    expect(Number.isInteger(latencyMs.p50)).toBe(false)
    expect(latencyMs.p90).toBeGreaterThanOrEqual(latencyMs.p50)
    expect(latencyMs.p95).toBeGreaterThanOrEqual(latencyMs.p90)
    expect(latencyMs.p99).toBeGreaterThanOrEqual(latencyMs.p95)
    expect(latencyMs.max).toBeGreaterThanOrEqual(latencyMs.p99)
    expect(latencyMs.mean).toBeGreaterThan(0)
    expect(latencyMs.mean).toBeLessThanOrEqual(latencyMs.max)
  })

  test('asks on a new connection where the server closes it after each answer', async () => {
    await using server = await startCountingServer()
    const closing = plan(server.url, {
      requests: [{ path: '/ping/', headers: { connection: 'close' } }],
      shape: { mode: 'closed', connections: 2 },
    })
    const { succeeded, failed, durationS, latencyMs } = await run(generator, closing).result
    expect(failed).toBe(0)
    expect(succeeded).toBeGreaterThan(server.total() * 0.5)
    // By Little's law no more requests are on their way than there are connections.
    expect(((succeeded / durationS) * latencyMs.mean) / 1000).toBeLessThan(2.2)
  })

  test('counts answers that are refusals', async () => {
    await using server = await startCountingServer()
    const refused = plan(server.url, { requests: [{ path: '/missing' }] })
    const { succeeded, failed, failures } = await run(generator, refused).result
    expect(succeeded).toBe(0)
    expect(failed).toBeGreaterThan(0)
    expect(failures).toEqual({ '404': failed })
  })

  test('mixes requests by weight and fills their templates', async () => {
    await using server = await startCountingServer()
    await run(
      generator,
      plan(server.url, {
        requests: [
          { path: '/read', weight: 3 },
          {
            method: 'POST',
            path: '/write?of={random:7-9}',
            headers: { 'content-type': 'application/json' },
            body: '{"text":"row {n}"}',
          },
        ],
      }),
    ).result
    const reads = server.seen.get('GET /read') ?? 0
    const writes = [7, 8, 9].map(of => server.seen.get(`POST /write?of=${of}`) ?? 0)
    const written = writes.reduce((a, b) => a + b)
    expect(reads + written).toBe(server.total())
    expect(reads / written).toBeGreaterThan(2)
    expect(reads / written).toBeLessThan(4.5)
    expect(new Set(server.bodies).size).toBe(server.bodies.length)
    expect(server.bodies[0]).toMatch(/^\{"text":"row \d+"\}$/)
  })

  test('holds a rate', async () => {
    await using server = await startCountingServer()
    const rated = plan(server.url, {
      shape: { mode: 'open', ratePerS: 100, maxConnections: 10 },
      durationS: 2,
    })
    const { succeeded, dropped } = await run(generator, rated).result
    // How few a busy machine sends is its own affair; more than the rate must never be sent.
    expect(succeeded + dropped).toBeGreaterThan(0)
    expect(succeeded + dropped).toBeLessThan(320)
  })

  test('stops when it is told to, and says so', async () => {
    await using server = await startCountingServer()
    const interrupt = new AbortController()
    const { result } = run(generator, plan(server.url, { durationS: 60 }), interrupt.signal)
    setTimeout(() => interrupt.abort(new Error('enough')), 1000)
    await expect(result).rejects.toThrow()
  })
})

test.each(generators)('$name counts the arrivals that found no client free', async generator => {
  await using server = await startCountingServer()
  const rated = plan(server.url, {
    requests: [{ path: '/slow' }],
    shape: { mode: 'open', ratePerS: 100, maxConnections: 5 },
    warmupS: 1,
    durationS: 2,
  })
  const { succeeded, dropped, durationS } = await run(generator, rated).result
  // Five clients at two requests a second each take 20 of the 200 arrivals; the warm-up's drops are not among these.
  expect(succeeded).toBeLessThanOrEqual(30)
  expect(dropped).toBeGreaterThan(100)
  // A busy machine closes the window late. Five were on their way when it opened.
  expect(succeeded + dropped).toBeLessThanOrEqual(100 * durationS + 5)
})

test('an address where nothing listens is all failures, not an exception', async () => {
  const { succeeded, failed, failures } = await run(undiciGenerator, plan('http://127.0.0.1:9')).result
  expect(succeeded).toBe(0)
  expect(failed).toBeGreaterThan(0)
  expect(failures).toEqual({ 'no answer': failed })
})
