/**
 * 5. CRUD mix on /tasks/: 75 % reads, 20 % writes, 5 % deletes, by users that think between two steps (finding C1; the
 * report's sizes are VUS=100 and VUS=500). Users arrive gradually, then stay.
 *
 *   k6 run loadtests/crud.ts
 *   docker compose run --rm -e VUS=500 k6 run /loadtests/crud.ts
 *
 * BASE_URL      the service (http://127.0.0.1:8000)
 * VUS           users (100)
 * RAMP_UP       time until all are there (10s)
 * DURATION      how long they stay then (1m)
 * THINK_MS      mean pause between two steps of a user, ms (100)
 * P99_MS        objective: 99th percentile of the latency, ms (250)
 * TESTID        names the run in Grafana (crud-<time>)
 * SUMMARY_JSON  also write k6's figures to this file
 */
import { sleep } from 'k6'
import { duration, positive, text, wholeNumber } from './lib/env.ts'
import { testOptions, thresholds } from './lib/options.ts'
import { describe, outputs, type SummaryData } from './lib/summary.ts'
import { mixedStep } from './lib/tasks-mix.ts'

const vus = wholeNumber('VUS', 100)
const thinkMs = positive('THINK_MS', 100)

export const options = testOptions('crud', {
  scenarios: {
    crud: {
      executor: 'ramping-vus',
      stages: [
        { target: vus, duration: duration('RAMP_UP', '10s') },
        { target: vus, duration: duration('DURATION', '1m') },
      ],
      gracefulRampDown: '5s',
    },
  },
  thresholds: thresholds({ p99Ms: positive('P99_MS', 250), failedRatio: 0.001 }),
})

export default function crud(): void {
  mixedStep()
  // Spread evenly around the mean: users in step with each other would arrive as bursts.
  sleep((thinkMs / 1000) * 2 * Math.random())
}

export function handleSummary(data: SummaryData): Record<string, string> {
  return outputs(
    describe(`${vus} users, 75 % reads, 20 % writes, 5 % deletes`, data),
    data,
    text('SUMMARY_JSON', ''),
  )
}
