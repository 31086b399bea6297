import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startService } from '../../src/lab/stack/service-process.ts'
import { createDatabase } from '../helpers/database.ts'
import { type CpuWindow, closedLoop, idleAtBothEnds, measureCpu } from '../ledger/cpu-window.ts'

let database: Awaited<ReturnType<typeof createDatabase>>
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

describe('conservation', () => {
  const ping = { path: '/ping/' }
  const one = { path: '/test-insert' }
  const ten = { path: '/test-insert?rows=10' }
  const tenPrepared = { path: '/test-insert?rows=10&strategy=prepared' }
  const mixes = {
    ping: [ping],
    'one insert': [one],
    '10 inserts': [ten],
    mixed: [ping, one, ten, tenPrepared, { path: '/tasks/' }],
  }
  let service: Awaited<ReturnType<typeof startService>>
  beforeAll(async () => {
    service = await startService({ databaseUrl: database.url })
    await measureCpu(service, closedLoop(mixes.mixed, 64, 2))
  })
  afterAll(() => service.stop())

  it('histogram and buckets are the process’s CPU, at any load', async () => {
    const rows: { load: string; window: CpuWindow }[] = []
    for (const connections of [1, 16, 64, 256]) {
      for (const [name, requests] of Object.entries(mixes)) {
        const load = idleAtBothEnds(service.adminUrl, closedLoop(requests, connections, 2))
        const window = await measureCpu(service, load)
        rows.push({ load: `${name}, ${connections}`, window })
      }
    }
    console.table(
      rows.map(({ load, window }) => ({
        load,
        'requests/s': Math.round(window.requestsPerS),
        accounted: window.accounted.toFixed(4),
        unscaled: window.unscaled.toFixed(3),
        ...Object.fromEntries(
          Object.entries(window.buckets).map(([name, share]) => [name, share.toFixed(3)]),
        ),
      })),
    )
    for (const { load, window } of rows) {
      expect(window.requests, load).toBeGreaterThan(100)
      expect(Math.abs(window.accounted - 1), load).toBeLessThan(0.02)
    }
  })
})
