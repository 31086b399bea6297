/**
 * The load of undici, in a process of its own (`load/undici.ts` forks it). Each connection is one `Client` of undici,
 * with one request on its way. This process keeps a histogram of latencies in microseconds (three significant digits)
 * and counts while the window is open.
 *
 * The lab ends the process after the window, when its CPU has been read. It ends by itself when the lab ends, and at the
 * latest some time after the end of its plan.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { createHistogram } from 'node:perf_hooks'
import { Client, type Dispatcher } from 'undici'
import type { LoadShape } from './generator.ts'
import type { PreparedPlan } from './prepared-plan.ts'
import { watchStalls } from './stalls.ts'
import { filled } from './templates.ts'
import type { FromChild } from './undici.ts'

const hourUs = 3_600_000_000
const livePeriodMs = 500
const graceS = 30

const latencyUs = createHistogram({ lowest: 1, highest: hourUs, figures: 3 })
const stallsMs = watchStalls()
let windowOpen = false
let succeeded = 0
let dropped = 0
const failures: Record<string, number> = {}
let answeredEver = 0
let openedAtMs = 0
let stallsAtOpeningMs = 0
let nextNumber = 0

process.on('disconnect', () => process.exit())
process.once('message', start)

function start(plan: PreparedPlan): void {
  nextNumber = plan.firstNumber
  const { shape } = plan
  if (shape.mode === 'closed') startClients(plan, shape.connections, shape.rampPerS)
  else startArrivals(plan, shape)
  let before = 0
  setInterval(() => {
    tell({ type: 'live', ratePerS: ((answeredEver - before) * 1000) / livePeriodMs })
    before = answeredEver
  }, livePeriodMs)
  const windowEndsS = plan.warmupS + plan.durationS
  setTimeout(openWindow, plan.warmupS * 1000)
  setTimeout(closeWindow, windowEndsS * 1000)
  setTimeout(() => process.exit(), (windowEndsS + graceS) * 1000)
}

/** A closed loop: each connection sends its next request when the last one is answered. */
function startClients(plan: PreparedPlan, count: number, rampPerS = count): void {
  const now = Math.min(count, rampPerS)
  for (let started = 0; started < now; started++) {
    const send = connection(plan, () => send())
    send()
  }
  if (count > now) setTimeout(startClients, 1000, plan, count - now, rampPerS)
}

type OpenLoop = Extract<LoadShape, { mode: 'open' }>

/** An open loop: requests at a rate. One that is due while no connection is free is dropped. */
function startArrivals(plan: PreparedPlan, { ratePerS, maxConnections }: OpenLoop): void {
  const free: (() => void)[] = []
  for (let made = 0; made < maxConnections; made++) {
    const send = connection(plan, () => free.push(send))
    free.push(send)
  }
  const startedAtMs = performance.now()
  const dueMs = () => startedAtMs + (arrived * 1000) / ratePerS - performance.now()
  let arrived = 0
  const sendDue = () => {
    for (; dueMs() <= 0; arrived++) {
      const send = free.pop()
      if (send !== undefined) send()
      else if (windowOpen) dropped++
    }
    setTimeout(sendDue, dueMs())
  }
  sendDue()
}

/**
 * @param done is called when a request is answered or has failed
 * @returns sends the next request of the plan. Call it only while none is on its way.
 */
function connection(plan: PreparedPlan, done: () => void): () => void {
  const timeoutMs = plan.timeoutS * 1000
  const client = new Client(plan.origin, {
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: { timeout: timeoutMs, rejectUnauthorized: !plan.insecure },
  })
  let sentAtMs = 0
  let status = 0
  const handler: Dispatcher.DispatchHandler = {
    // undici wants this method.
    onRequestStart() {},
    // Called for a 103 too. The status of the answer comes later.
    onResponseStart(_controller, statusCode) {
      status = statusCode
    },
    onResponseEnd() {
      countAnswer(status, performance.now() - sentAtMs)
      done()
    },
    onResponseError() {
      if (windowOpen) countFailure('no answer')
      // Where nothing listens, undici calls this before `dispatch` has returned.
      setImmediate(done)
    },
  }
  let sent = 0
  return () => {
    const options = nextRequest(plan, sent++)
    sentAtMs = performance.now()
    client.dispatch(options, handler)
  }
}

function countAnswer(status: number, latencyMs: number): void {
  answeredEver++
  if (!windowOpen) return
  if (status >= 200 && status <= 299) succeeded++
  else countFailure(String(status))
  latencyUs.record(Math.max(1, Math.round(latencyMs * 1000)))
}

function countFailure(how: string): void {
  failures[how] = (failures[how] ?? 0) + 1
}

function nextRequest({ order, requests }: PreparedPlan, nth: number): Dispatcher.DispatchOptions {
  const request = requests[order[nth % order.length] ?? 0]
  if (request === undefined) throw new Error('a plan has a request')
  const { method, target, headers, body } = request.varies ? filled(request, nextNumber++) : request
  return {
    method: method as Dispatcher.HttpMethod,
    path: target,
    headers: headers as IncomingHttpHeaders,
    body,
  }
}

function openWindow(): void {
  windowOpen = true
  openedAtMs = performance.now()
  stallsAtOpeningMs = stallsMs()
  tell({ type: 'opens' })
}

function closeWindow(): void {
  windowOpen = false
  const durationS = (performance.now() - openedAtMs) / 1000
  const ms = (percentile: number) => (latencyUs.count === 0 ? 0 : latencyUs.percentile(percentile) / 1000)
  tell({
    type: 'closes',
    result: {
      succeeded,
      failed: Object.values(failures).reduce((sum, count) => sum + count, 0),
      failures,
      dropped,
      durationS,
      stalled: (stallsMs() - stallsAtOpeningMs) / (durationS * 1000),
      latencyMs: {
        p50: ms(50),
        p90: ms(90),
        p95: ms(95),
        p99: ms(99),
        max: ms(100),
        mean: latencyUs.count === 0 ? 0 : latencyUs.mean / 1000,
      },
    },
  })
}

function tell(message: FromChild): void {
  process.send?.(message)
}
