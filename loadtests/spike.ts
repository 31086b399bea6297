/**
 * 7. Spike, open loop: a quiet rate, a sudden multiple of it, and quiet again. While it lasts, a service may be slow
 * and may refuse (503). Afterwards it must be as before. The objective applies to the phases before and after, not to
 * the spike itself: bounded queues must absorb too much work, and memory must not grow.
 *
 *   k6 run -e PEAK=5000 loadtests/spike.ts
 *   docker compose run --rm k6 run /loadtests/spike.ts
 *
 * BASE_URL       the service (http://127.0.0.1:8000)
 * RATE           requests per second, before and after (100)
 * PEAK           and in the spike (2000)
 * QUIET          how long each quiet phase lasts (30s)
 * PEAK_DURATION  how long the spike lasts (15s)
 * MAX_VUS        users that k6 may use to keep the rate (500)
 * STRATEGY       batched | single | prepared | copy (the service's own)
 * P99_MS         objective before and after: 99th percentile of the latency, ms (100)
 * TESTID         names the run in Grafana (spike-<time>)
 * SUMMARY_JSON   also write k6's figures to this file
 */
import { duration, positive, text, wholeNumber } from './lib/env.ts'
import { arrivals, testOptions, thresholds } from './lib/options.ts'
import { describePhases, inSequence, keepFigures, toSeconds } from './lib/phases.ts'
import { testInsert } from './lib/service.ts'
import { describe, outputs, type SummaryData } from './lib/summary.ts'

const strategy = text('STRATEGY', '')
const ratePerS = positive('RATE', 100)
const peakPerS = positive('PEAK', 2000)
const quietS = toSeconds(duration('QUIET', '30s'))
const peakS = toSeconds(duration('PEAK_DURATION', '15s'))
const maxVUs = wholeNumber('MAX_VUS', 500)
const objective = { p99Ms: positive('P99_MS', 100), failedRatio: 0.001 }
const phases = inSequence([
  { name: 'before', ratePerS, durationS: quietS },
  { name: 'spike', ratePerS: peakPerS, durationS: peakS },
  { name: 'after', ratePerS, durationS: quietS },
])

export const options = testOptions('spike', {
  scenarios: Object.fromEntries(phases.map(phase => [phase.name, arrivals({ ...phase, maxVUs })])),
  thresholds: {
    ...keepFigures('before'),
    ...keepFigures('spike'),
    ...keepFigures('after'),
    ...thresholds(objective, 'before'),
    ...thresholds(objective, 'after'),
  },
})

export default function spike(): void {
  testInsert(1, strategy)
}

export function handleSummary(data: SummaryData): Record<string, string> {
  const title = `${ratePerS}/s, then ${peakPerS}/s for ${peakS} s, then ${ratePerS}/s again`
  return outputs(describe(title, data) + describePhases(phases, data), data, text('SUMMARY_JSON', ''))
}
