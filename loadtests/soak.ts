/**
 * 8. Soak, open loop: a moderate rate for hours, half inserts, half tasks. What a short test cannot show is what
 * grows: memory, the database, a queue that is never quite emptied. Compare the first tenth with the last; in
 * Grafana, "Is every worker well?" shows whether the floor of the heap rises.
 *
 *   k6 run -e DURATION=8h loadtests/soak.ts
 *   docker compose run --rm -e DURATION=8h k6 run /loadtests/soak.ts
 *
 * BASE_URL      the service (http://127.0.0.1:8000)
 * RATE          requests per second (100)
 * DURATION      how long, 10s or more (1h)
 * MAX_VUS       users that k6 may use to keep the rate (100)
 * P99_MS        objective for the first and for the last tenth: 99th percentile of the latency, ms (100)
 * TESTID        names the run in Grafana (soak-<time>)
 * SUMMARY_JSON  also write k6's figures to this file
 */
import { duration, positive, text, wholeNumber } from './lib/env.ts'
import { arrivals, testOptions, thresholds } from './lib/options.ts'
import { describePhases, inSequence, keepFigures, toSeconds } from './lib/phases.ts'
import { testInsert } from './lib/service.ts'
import { describe, outputs, type SummaryData } from './lib/summary.ts'
import { mixedStep } from './lib/tasks-mix.ts'

const ratePerS = positive('RATE', 100)
const durationS = toSeconds(duration('DURATION', '1h'))
const maxVUs = wholeNumber('MAX_VUS', 100)
const objective = { p99Ms: positive('P99_MS', 100), failedRatio: 0.001 }
const phases = inSequence([
  { name: 'first_tenth', durationS: 0.1 * durationS },
  { name: 'middle', durationS: 0.8 * durationS },
  { name: 'last_tenth', durationS: 0.1 * durationS },
])

export const options = testOptions('soak', {
  scenarios: Object.fromEntries(phases.map(phase => [phase.name, arrivals({ ...phase, ratePerS, maxVUs })])),
  thresholds: {
    ...keepFigures('first_tenth'),
    ...keepFigures('middle'),
    ...keepFigures('last_tenth'),
    ...thresholds(objective, 'first_tenth'),
    ...thresholds(objective, 'last_tenth'),
  },
})

export default function soak(): void {
  if (__ITER % 2 === 0) testInsert()
  else mixedStep()
}

export function handleSummary(data: SummaryData): Record<string, string> {
  const title = `${ratePerS}/s for ${durationS} s`
  return outputs(describe(title, data) + describePhases(phases, data), data, text('SUMMARY_JSON', ''))
}
