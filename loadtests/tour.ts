/**
 * 2. Tour, closed loop: every kind of request for a while, one kind after the other, by the same number of users. In
 * Grafana, "Where does the CPU of an insert go?" shows a step at each change: what a ping costs, what an insert adds,
 * what each strategy saves, and that ten rows in a request do not cost ten times one (findings A1, A2).
 *
 *   k6 run loadtests/tour.ts
 *   docker compose run --rm k6 run /loadtests/tour.ts
 *
 * BASE_URL      the service (http://127.0.0.1:8000)
 * VUS           users (32)
 * PART          how long each kind is asked (20s)
 * P99_MS        objective for each kind: 99th percentile of the latency, ms (250)
 * TESTID        names the run in Grafana (tour-<time>)
 * SUMMARY_JSON  also write k6's figures to this file
 */
import exec from 'k6/execution'
import { duration, positive, text, wholeNumber } from './lib/env.ts'
import { testOptions, thresholds } from './lib/options.ts'
import { describePhases, inSequence, keepFigures, toSeconds } from './lib/phases.ts'
import { ping, postText, testInsert } from './lib/service.ts'
import { describe, outputs, type SummaryData } from './lib/summary.ts'
import { mixedStep } from './lib/tasks-mix.ts'

/** The stops by the name of their scenario. */
const stops: Record<string, () => void> = {
  ping: () => ping(),
  insert_single: () => testInsert(1, 'single'),
  insert_prepared: () => testInsert(1, 'prepared'),
  insert_batched: () => testInsert(1, 'batched'),
  insert_10_rows: () => testInsert(10, 'batched'),
  texts: () => postText('the tour'),
  tasks: mixedStep,
}

const vus = wholeNumber('VUS', 32)
const objective = { p99Ms: positive('P99_MS', 250), failedRatio: 0.001 }
const partS = toSeconds(duration('PART', '20s'))
const phases = inSequence(Object.keys(stops).map(name => ({ name, durationS: partS })))

export const options = testOptions('tour', {
  scenarios: Object.fromEntries(
    phases.map(({ name, startS, durationS }) => [
      name,
      {
        executor: 'constant-vus',
        vus,
        startTime: `${startS}s`,
        duration: `${durationS}s`,
        gracefulStop: '1s',
      },
    ]),
  ),
  thresholds: Object.assign(
    {},
    ...phases.map(({ name }) => ({ ...keepFigures(name), ...thresholds(objective, name) })),
  ),
})

export default function tour(): void {
  stops[exec.scenario.name]?.()
}

export function handleSummary(data: SummaryData): Record<string, string> {
  const title = `The tour: ${vus} users, one kind of request after the other`
  return outputs(describe(title, data) + describePhases(phases, data), data, text('SUMMARY_JSON', ''))
}
