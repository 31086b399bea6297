import { expect, test } from 'vitest'
import type { LoadPlan } from '../../../src/lab/load/generator.ts'
import { findWrk, wrkCanSend } from '../../../src/lab/load/wrk.ts'
import { startCountingServer } from './counting-server.ts'

const wrk = findWrk()
const plan = (baseUrl: string, change: Partial<LoadPlan> = {}): LoadPlan => ({
  baseUrl,
  requests: [{ path: '/ping/' }],
  shape: { mode: 'closed', connections: 4 },
  warmupS: 1,
  durationS: 1,
  ...change,
})

test.runIf(wrk !== null)('counts what the server counted in the window, its warm-up left out', async () => {
  await using server = await startCountingServer()
  const edges: { edge: string; pid: number; served: number }[] = []
  const result = await wrk?.run(plan(server.url), {
    signal: new AbortController().signal,
    onLive: () => {},
    onWindow: (edge, pid) => edges.push({ edge, pid, served: server.total() }),
  })
  expect(edges.map(({ edge }) => edge)).toEqual(['opens', 'closes'])
  expect(edges[0]?.pid).toBeGreaterThan(0)
  const servedBefore = edges[0]?.served ?? 0
  expect(servedBefore).toBeGreaterThan(0)
  // One request on each connection may be under way at either edge, and the news of an edge takes a moment.
  expect(result?.succeeded).toBeLessThanOrEqual(server.total() - servedBefore * 0.9)
  expect(result?.succeeded).toBeGreaterThan((server.total() - servedBefore) * 0.5)
  expect(result).toMatchObject({ failed: 0, dropped: 0 })
  const { p50 = 0, p90 = 0, p95 = 0, p99 = 0, max = 0 } = result?.latencyMs ?? {}
  expect([p50, p90, p95, p99, max]).toEqual([p50, p90, p95, p99, max].toSorted((a, b) => a - b))
  expect(p50).toBeGreaterThan(0)
})

test.runIf(wrk !== null)('counts answers that are refusals', async () => {
  await using server = await startCountingServer()
  const result = await wrk?.run(plan(server.url, { requests: [{ path: '/missing' }], warmupS: 0 }), {
    signal: new AbortController().signal,
    onLive: () => {},
    onWindow: () => {},
  })
  expect(result?.failed).toBeGreaterThan(0)
  expect(result?.succeeded).toBe(0)
})

test('takes one fixed request from a closed loop, and nothing else', () => {
  const can = (change: Partial<LoadPlan>) => wrkCanSend(plan('http://127.0.0.1:1', change))
  expect(can({})).toBe(true)
  expect(can({ requests: [{ path: '/a' }, { path: '/b' }] })).toBe(false)
  expect(can({ requests: [{ path: '/tasks/{random:1-9}' }] })).toBe(false)
  expect(can({ shape: { mode: 'open', ratePerS: 10, maxConnections: 1 } })).toBe(false)
  expect(can({ shape: { mode: 'closed', connections: 4, rampPerS: 1 } })).toBe(false)
})
