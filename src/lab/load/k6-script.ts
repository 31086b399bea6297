/// <reference types="k6" />
/**
 * The script that k6 runs for the lab (`load/k6.ts` starts it), inside k6, not Node. The plan arrives as
 * JSON in the environment variable `PLAN`.
 *
 * Only requests sent after the warm-up count; they carry the tag `phase:measure`, and the thresholds below,
 * which hold nothing, exist because k6 keeps figures for a tag only where a threshold names it.
 * A closed loop is one scenario all along, tagged by the time of sending: a second scenario would let all
 * its clients start in the same instant, and cut off or double the first one's. Arrivals at a rate do not
 * depend on answers, so there the two phases are two scenarios, which also splits the dropped arrivals.
 */
import { sleep } from 'k6'
import execution from 'k6/execution'
import http from 'k6/http'
import { failureStatuses, filled } from './templates.ts'

interface Plan {
  baseUrl: string
  requests: { method: string; path: string; headers: Record<string, string>; body: string | null }[]
  order: number[]
  shape:
    | { mode: 'closed'; connections: number; rampPerS?: number }
    | { mode: 'open'; ratePerS: number; maxConnections: number }
  warmupS: number
  durationS: number
}

const plan = JSON.parse(__ENV['PLAN'] ?? '') as Plan

export const options = {
  discardResponseBodies: true,
  summaryTrendStats: ['avg', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'],
  scenarios: {
    ...scenarios(),
    windowOpens: once('windowOpens', plan.warmupS),
    windowCloses: once('windowCloses', plan.warmupS + plan.durationS),
  },
  thresholds: {
    'http_req_failed{phase:measure}': [],
    'http_req_duration{phase:measure}': [],
    'dropped_iterations{phase:measure}': [],
    ...Object.fromEntries(failureStatuses.map(status => [`http_reqs{phase:measure,status:${status}}`, []])),
  },
}

function scenarios() {
  const { shape, warmupS, durationS } = plan
  if (shape.mode === 'closed') {
    const { connections, rampPerS } = shape
    const clients = { exec: 'closed', gracefulStop: '10s' }
    if (rampPerS === undefined) {
      const duration = seconds(warmupS + durationS)
      return { load: { ...clients, executor: 'constant-vus', vus: connections, duration } }
    }
    const rampS = connections / rampPerS
    const stages = [
      { target: connections, duration: seconds(rampS) },
      { target: connections, duration: seconds(warmupS + durationS - rampS) },
    ]
    return { load: { ...clients, executor: 'ramping-vus', startVUs: 0, stages } }
  }
  const arrivals = (phase: string, fromS: number, forS: number) => ({
    executor: 'constant-arrival-rate',
    exec: 'open',
    rate: Math.round(shape.ratePerS),
    timeUnit: '1s',
    startTime: seconds(fromS),
    duration: seconds(forS),
    preAllocatedVUs: shape.maxConnections,
    maxVUs: shape.maxConnections,
    gracefulStop: '10s',
    tags: { phase },
  })
  return {
    ...(warmupS > 0 ? { warmup: arrivals('warmup', 0, warmupS) } : {}),
    measure: arrivals('measure', warmupS, durationS),
  }
}

function once(exec: string, atS: number) {
  return { executor: 'per-vu-iterations', exec, vus: 1, iterations: 1, startTime: seconds(atS) }
}

function seconds(value: number): string {
  return `${Math.round(value * 1000)}ms`
}

const warmup = plan.requests.map(request => parameters(request, { phase: 'warmup' }))
const measure = plan.requests.map(request => parameters(request, { phase: 'measure' }))
const untagged = plan.requests.map(request => parameters(request, {}))

/** `name` is set always: without it k6 keeps a time series for every URL it ever saw. */
function parameters(request: Plan['requests'][number], tags: Record<string, string>) {
  return { headers: request.headers, tags: { ...tags, name: `${request.method} ${request.path}` } }
}

let sent = 0
let opensAtMs = 0

export function closed() {
  if (opensAtMs === 0) opensAtMs = execution.scenario.startTime + plan.warmupS * 1000
  send(Date.now() < opensAtMs ? warmup : measure)
}

export function open() {
  send(untagged)
}

function send(tagged: typeof untagged) {
  const index = plan.order[(sent + execution.vu.idInTest) % plan.order.length] ?? 0
  const request = plan.requests[index]
  if (request === undefined) return
  // Each virtual user counts in a block of a thousand million of its own, so no number comes twice.
  const running = execution.vu.idInTest * 1e9 + sent++
  http.request(
    request.method,
    plan.baseUrl + filled(request.path, running),
    request.body === null ? null : filled(request.body, running),
    tagged[index],
  )
}

/** The lab's probes read the same window, so they are told when it opens and closes. */
export function windowOpens() {
  console.log('window opens')
}

/** k6 stays a little longer, because its own CPU can be read only while it lives. */
export function windowCloses() {
  console.log('window closes')
  sleep(0.3)
}

export function handleSummary(data: unknown) {
  return { stdout: JSON.stringify(data) }
}
