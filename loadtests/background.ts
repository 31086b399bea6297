/**
 * Background: a little of everything at a fixed low rate, for a day. compose.yaml runs it so that every panel has
 * data; the restart policy begins the next day. Not for measuring: stop it first (docker compose stop k6).
 *
 *   k6 run --summary-mode=disabled --no-thresholds loadtests/background.ts
 *
 * BASE_URL         the service (http://127.0.0.1:8000)
 * BACKGROUND_RATE  requests per second in all (20)
 * DURATION         how long (24h)
 * STRATEGIES       insert strategies, in turn (batched,prepared,single)
 * TESTID           names the run in Grafana (background)
 */
import type { Scenario } from 'k6/options'
import { duration, positive, text } from './lib/env.ts'
import { testOptions } from './lib/options.ts'
import { ping, postText, testInsert } from './lib/service.ts'
import { mixedStep } from './lib/tasks-mix.ts'

const ratePerS = positive('BACKGROUND_RATE', 20)
const strategies = text('STRATEGIES', 'batched,prepared,single').split(',')

/** A part of the rate, as arrivals: what does not come back in time must not slow the rest. */
function share(exec: string, part: number): Scenario {
  return {
    executor: 'constant-arrival-rate',
    exec,
    // Per minute, so that small shares of small rates stay whole numbers.
    rate: Math.max(1, Math.round(ratePerS * part * 60)),
    timeUnit: '1m',
    duration: duration('DURATION', '24h'),
    // All from the start: making a user takes time, and while it is made the iteration that needed it is dropped.
    preAllocatedVUs: 10,
    maxVUs: 10,
  }
}

export const options = {
  ...testOptions('background', {
    scenarios: {
      insert: share('insert', 0.45),
      insert_many: share('insertMany', 0.05),
      texts: share('texts', 0.1),
      tasks: share('tasks', 0.35),
      ping: share('pinging', 0.05),
    },
  }),
  tags: { testid: text('TESTID', 'background') },
}

export function insert(): void {
  testInsert(1, strategies[__ITER % strategies.length])
}

export function insertMany(): void {
  testInsert(10, strategies[__ITER % strategies.length])
}

export function texts(): void {
  postText(`background ${__VU}/${__ITER}`)
}

export function tasks(): void {
  mixedStep()
}

export function pinging(): void {
  ping()
}
