/**
 * Background: a small version of every other scenario, together and without end. compose.yaml runs it so that every
 * panel has data. The restart policy begins the next day. Not for measuring: stop it first (docker compose stop k6).
 *
 *   k6 run --summary-mode=disabled --no-thresholds loadtests/background.ts
 *
 * BASE_URL         the service (http://127.0.0.1:8000)
 * BACKGROUND_RATE  requests per second, about, in all (20)
 * DURATION         how long (24h)
 * STRATEGIES       insert strategies, in turn (batched,prepared,single)
 * TESTID           names the run in Grafana (background)
 */
import { sleep } from 'k6'
import type { Scenario } from 'k6/options'
import { duration, positive, text } from './lib/env.ts'
import { testOptions } from './lib/options.ts'
import { toSeconds } from './lib/phases.ts'
import {
  insertReadingCpu,
  insertsAtOnce,
  ping,
  pingOnNewConnection,
  postText,
  testInsert,
} from './lib/service.ts'
import { mixedStep } from './lib/tasks-mix.ts'

const ratePerS = positive('BACKGROUND_RATE', 20)
const strategies = text('STRATEGIES', 'batched,prepared,single').split(',')
const strategy = () => strategies[__ITER % strategies.length]
const lasting = duration('DURATION', '24h')
const thinkS = 0.5
const halfWaveS = 150
const burst = 20

/** Per minute, so that small shares of small rates stay whole numbers. */
const perMinute = (part: number) => Math.max(1, Math.round(ratePerS * part * 60))
// All from the start: making a user takes time, and while it is made the iteration that needed it is dropped.
const users = { preAllocatedVUs: 10, maxVUs: 10 }

/** Arrivals: what does not come back in time must not slow the rest. */
function steady(exec: string, rate: number): Scenario {
  return { executor: 'constant-arrival-rate', exec, rate, timeUnit: '1m', duration: lasting, ...users }
}

/** Arrivals that rise to a part of the rate and fall again, repeatedly. */
function waves(exec: string, part: number): Scenario {
  const stages: { target: number; duration: string }[] = []
  for (let leftS = toSeconds(lasting); leftS > 0; leftS -= halfWaveS) {
    const target = stages.length % 2 === 0 ? perMinute(part) : 0
    stages.push({ target, duration: `${Math.min(halfWaveS, leftS)}s` })
  }
  return { executor: 'ramping-arrival-rate', exec, timeUnit: '1m', stages, ...users }
}

export const options = testOptions(
  'background',
  {
    // What k6 sends at once to one host.
    batchPerHost: burst,
    scenarios: {
      insert: steady('insert', perMinute(0.35)),
      insert_many: steady('insertMany', perMinute(0.05)),
      texts: steady('texts', perMinute(0.1)),
      ping: steady('pinging', perMinute(0.05)),
      connections: steady('connecting', perMinute(0.05)),
      ramp: waves('insert', 0.1),
      spike: steady('spike', 1),
      crud: {
        executor: 'constant-vus',
        exec: 'crud',
        vus: Math.max(1, Math.round(ratePerS * 0.3 * thinkS)),
        duration: lasting,
      },
    },
  },
  text('TESTID', 'background'),
)

export function insert(): void {
  insertReadingCpu(strategy())
}

export function insertMany(): void {
  testInsert(10, strategy())
}

export function texts(): void {
  postText(`background ${__VU}/${__ITER}`)
}

export function pinging(): void {
  ping()
}

export function connecting(): void {
  pingOnNewConnection()
}

export function spike(): void {
  insertsAtOnce(burst)
}

export function crud(): void {
  mixedStep()
  sleep(thinkS * 2 * Math.random())
}
