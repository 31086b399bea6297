import type { Profiled } from '../../../src/lab/run/sample.ts'

export const unread = { api: null, database: null, generator: null }

/** A window of 2 s in which 2,000 requests were answered, and nothing else could be read. */
export function observation(change: Partial<Profiled> = {}): Profiled {
  return {
    load: {
      ...{ succeeded: 2000, failed: 0, failures: {}, dropped: 0, durationS: 2, stalled: null },
      ...{ latencyMs: { p50: 1, p90: 2, p95: 2.5, p99: 3, max: 4, mean: 1.2 } },
    },
    ...{ windowS: 2, ratesPerS: [], cpuUs: unread, throttledUs: unread },
    ...{ apiThread: null, apiThreadShares: null, databaseQueued: null, hostCores: null, reported: null },
    ...{ ledger: null, service: null, postgres: null, rowsPerBatch: null },
    pressure: { cpu: null, io: null, memory: null },
    ...change,
  }
}
