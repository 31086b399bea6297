/**
 * 6. Connections, closed loop: users arrive one after the other and ask for a page of tasks without a pause. Run it
 * against both ways of the service to reach PostgreSQL (finding B2):
 *
 *   export CONNECTION_MODE=per-request; docker compose up -d --wait service
 *   docker compose run --rm k6 run /loadtests/connections.ts     most of its work is opening connections, and near
 *                                                                max_connections requests fail with 503
 *   export CONNECTION_MODE=pool; docker compose up -d --wait service
 *   docker compose run --rm k6 run /loadtests/connections.ts     the same users share 20 connections
 *
 *   k6 run loadtests/connections.ts                              against any service
 *
 * BASE_URL      the service (http://127.0.0.1:8000)
 * VUS           users in the end (200)
 * ARRIVE_PER_S  users that arrive each second (20)
 * DURATION      how long all of them stay (20s)
 * KEEP_ALIVE    yes | no: without it each request also opens its own connection to the service (yes)
 * P99_MS        objective: 99th percentile of the latency, ms (1000)
 * TESTID        names the run in Grafana (connections-<time>)
 * SUMMARY_JSON  also write k6's figures to this file
 */
import { duration, oneOf, positive, text, wholeNumber } from './lib/env.ts'
import { testOptions, thresholds } from './lib/options.ts'
import { listTasks } from './lib/service.ts'
import { describe, outputs, type SummaryData } from './lib/summary.ts'

const vus = wholeNumber('VUS', 200)
const keepAlive = oneOf('KEEP_ALIVE', ['yes', 'no'])

export const options = testOptions('connections', {
  noConnectionReuse: keepAlive === 'no',
  scenarios: {
    connections: {
      executor: 'ramping-vus',
      startVUs: 1,
      stages: [
        { target: vus, duration: `${Math.ceil(vus / positive('ARRIVE_PER_S', 20))}s` },
        { target: vus, duration: duration('DURATION', '20s') },
      ],
      gracefulRampDown: '5s',
    },
  },
  thresholds: thresholds({ p99Ms: positive('P99_MS', 1000), failedRatio: 0.001 }),
})

export default function connections(): void {
  listTasks()
}

export function handleSummary(data: SummaryData): Record<string, string> {
  const title = `Up to ${vus} users, keep-alive: ${keepAlive}`
  return outputs(describe(title, data), data, text('SUMMARY_JSON', ''))
}
