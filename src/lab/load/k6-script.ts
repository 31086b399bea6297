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
import type { PreparedPlan } from './prepared-plan.ts'
import { failureStatuses, filled, type PreparedRequest } from './templates.ts'

const plan = JSON.parse(__ENV['PLAN'] ?? '') as PreparedPlan

export const options = {
  discardResponseBodies: true,
  // The load is for the address that was named, not for the one that it redirects to.
  maxRedirects: 0,
  insecureSkipTLSVerify: plan.insecure,
  // Neither `url` nor `name`: k6 would keep a time series for every URL it ever saw. A dropped arrival has no tag but
  // its scenario's name.
  systemTags: ['status', 'scenario'],
  summaryTrendStats: ['avg', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'],
  scenarios: {
    ...scenarios(),
    windowOpens: once('windowOpens', plan.warmupS),
    windowCloses: once('windowCloses', plan.warmupS + plan.durationS),
  },
  thresholds: {
    'http_req_failed{phase:measure}': [],
    'http_req_duration{phase:measure}': [],
    'dropped_iterations{scenario:measure}': [],
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

http.setResponseCallback(http.expectedStatuses({ min: 200, max: 299 }))

/**
 * What does not change from request to request is made once, and what k6 makes anew at each reading (all of
 * `execution`) is read once by each virtual user: done for each request, the latter alone was a fifth of k6's CPU.
 */
const kinds = plan.requests.map(request => ({ ...request, ...readyMade(request) }))

function readyMade({ target, headers }: PreparedRequest) {
  // Go sets the length itself, also of an empty body.
  const { 'content-length': _, ...sent } = headers
  return { url: plan.origin + target, parameters: { headers: sent, timeout: seconds(plan.timeoutS) } }
}

const users = plan.shape.mode === 'open' ? plan.shape.maxConnections : plan.shape.connections
/** The warm-up may use other virtual users, and two more open and close the window. */
const usersAtMost = 2 * users + 2

/**
 * What sends the next request of a virtual user; each of them runs this file for itself.
 *
 * A single GET that never varies, which most experiments send, takes the shortest way through k6's interpreter:
 * `get` instead of `request`, and no name looked up in the module, which was measured to take 7 % less of k6's CPU.
 */
function sender(): () => void {
  const [only] = kinds
  if (kinds.length === 1 && only?.method === 'GET' && only.body === null && !only.varies) {
    const { url, parameters } = only
    return () => {
      http.get(url, parameters)
    }
  }
  let sent = 0
  let user = 0
  return () => {
    if (user === 0) user = execution.vu.idInTest
    const kind = kinds[plan.order[(sent + user) % plan.order.length] ?? 0]
    if (kind === undefined) return
    // Virtual user i sends firstNumber + i and then every `usersAtMost`-th number.
    const running = plan.firstNumber + user + usersAtMost * sent++
    const request = kind.varies ? filled(kind, running) : kind
    const { url, parameters } = kind.varies ? readyMade(request) : kind
    http.request(request.method, url, request.body, parameters)
  }
}

const send = sender()
let opensAtMs = 0

export function closed() {
  if (opensAtMs === 0) opensAtMs = execution.scenario.startTime + plan.warmupS * 1000
  if (Date.now() >= opensAtMs) {
    execution.vu.metrics.tags['phase'] = 'measure'
    opensAtMs = Number.POSITIVE_INFINITY
  }
  send()
}

export const open = send

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
