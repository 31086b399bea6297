/**
 * 3. Insert, closed loop: a fixed number of users, each waiting for its answer before it asks again. Shows what the
 * service can do at its own pace (findings A1, and A2 with ROWS=10). Latency is too low here, because a slow
 * answer also delays the next request. For latency at a given rate see ramp.ts.
 *
 *   k6 run loadtests/insert.ts
 *   docker compose run --rm -e VUS=128 -e STRATEGY=single k6 run /loadtests/insert.ts
 *
 * BASE_URL      the service (http://127.0.0.1:8000)
 * VUS           users (64)
 * DURATION      how long (30s)
 * ROWS          rows per request (1)
 * STRATEGY      batched | single | prepared | copy (the service's own)
 * P99_MS        objective: 99th percentile of the latency, ms (250)
 * TESTID        names the run in Grafana (insert-<time>)
 * SUMMARY_JSON  also write k6's figures to this file
 */
import { duration, positive, text, wholeNumber } from './lib/env.ts'
import { testOptions, thresholds } from './lib/options.ts'
import { testInsert } from './lib/service.ts'
import { describe, outputs, type SummaryData } from './lib/summary.ts'

const vus = wholeNumber('VUS', 64)
const rows = wholeNumber('ROWS', 1)
const strategy = text('STRATEGY', '')

export const options = testOptions('insert', {
  scenarios: {
    insert: { executor: 'constant-vus', vus, duration: duration('DURATION', '30s'), gracefulStop: '5s' },
  },
  thresholds: thresholds({ p99Ms: positive('P99_MS', 250), failedRatio: 0.001 }),
})

export default function insert(): void {
  testInsert(rows, strategy)
}

export function handleSummary(data: SummaryData): Record<string, string> {
  const title = `${vus} users, ${rows} ${rows === 1 ? 'row' : 'rows'} a request, ${strategy || "the service's own strategy"}`
  return outputs(describe(title, data), data, text('SUMMARY_JSON', ''))
}
