/**
 * 4. Ramp, open loop: requests arrive at a fixed rate, whatever the answers do; the rate climbs in steps until the
 * objective breaks. The last step that held is the breakpoint (finding A3). Each step has thresholds of its own, for
 * a percentile over the whole test would notice the break late. A broken objective ends the test with exit code 99:
 * that is the result, not an error.
 *
 *   k6 run -e RATE_TO=12000 loadtests/ramp.ts
 *   docker compose run --rm k6 run /loadtests/ramp.ts
 *
 * BASE_URL       the service (http://127.0.0.1:8000)
 * RATE_FROM      requests per second of the first step (250)
 * RATE_TO        and of the last (2500)
 * STEPS          number of steps (10)
 * STEP_DURATION  how long each lasts (15s)
 * MAX_VUS        users that k6 may use to keep the rate (200)
 * STRATEGY       batched | single | prepared | copy (the service's own)
 * P99_MS         objective: 99th percentile of the latency, ms (100)
 * TESTID         names the run in Grafana (ramp-<time>)
 * SUMMARY_JSON   also write k6's figures to this file
 */
import type { Options } from 'k6/options'
import { duration, positive, text, wholeNumber } from './lib/env.ts'
import { arrivals, testOptions, thresholds } from './lib/options.ts'
import { keepFigures, toSeconds } from './lib/phases.ts'
import { testInsert } from './lib/service.ts'
import { describeStaircase, type Step, staircase } from './lib/staircase.ts'
import { describe, outputs, type SummaryData } from './lib/summary.ts'

const strategy = text('STRATEGY', '')
const objective = { p99Ms: positive('P99_MS', 100), failedRatio: 0.001 }
/** Every user opens its connection, and code is compiled, before anything is judged. */
const warmUpS = 5
const steps = staircase({
  startS: warmUpS + 1,
  fromPerS: positive('RATE_FROM', 250),
  toPerS: positive('RATE_TO', 2500),
  steps: wholeNumber('STEPS', 10),
  stepS: toSeconds(duration('STEP_DURATION', '15s')),
})
const maxVUs = wholeNumber('MAX_VUS', 200)

export const options = testOptions('ramp', {
  scenarios: Object.fromEntries([
    ['warm_up', arrivals({ ratePerS: steps[0]?.ratePerS ?? 1, startS: 0, durationS: warmUpS, maxVUs })],
    ...steps.map(step => [step.name, arrivals({ ...step, maxVUs })]),
  ]),
  thresholds: Object.assign({}, ...steps.map(stepThresholds)),
})

function stepThresholds({ name, startS, durationS }: Step): NonNullable<Options['thresholds']> {
  // k6 counts the delay from the start of the test. The first third of a step is too short for a percentile.
  const delayAbortEval = `${Math.ceil(startS + durationS / 3)}s`
  const aborting = Object.entries(thresholds(objective, name)).map(([metric, expressions]) => [
    metric,
    expressions.map(expression => ({ threshold: String(expression), abortOnFail: true, delayAbortEval })),
  ])
  return { ...keepFigures(name), ...Object.fromEntries(aborting) }
}

export default function ramp(): void {
  testInsert(1, strategy)
}

export function handleSummary(data: SummaryData): Record<string, string> {
  const title = `Arrivals in steps up to ${steps.at(-1)?.ratePerS}/s; objective: p99 below ${objective.p99Ms} ms`
  return outputs(describe(title, data) + describeStaircase(steps, data), data, text('SUMMARY_JSON', ''))
}
