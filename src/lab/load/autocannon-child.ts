/**
 * autocannon in a process of its own (`load/autocannon.ts` forks it).
 *
 * autocannon's own result is not used. Its latency histogram holds whole milliseconds, which shows every
 * answer here as 0 or 1 ms; its counters run in steps of its sampling interval; and it cannot leave a
 * warm-up out. Its `response` event carries the latency in nanoseconds, so this process keeps a histogram of
 * microseconds (three significant digits) and counts between the two messages that open and close the window.
 *
 * The process ends by itself when the lab goes away, and at the latest some time after its plan's end.
 */
import { createHistogram } from 'node:perf_hooks'
import autocannon from 'autocannon'
import type { ChildPlan, FromChild, ToChild } from './autocannon-messages.ts'
import { watchStalls } from './stalls.ts'
import { filled, type PreparedRequest } from './templates.ts'

const hourUs = 3_600_000_000
const livePeriodMs = 500
const graceS = 30

const latencyUs = createHistogram({ lowest: 1, highest: hourUs, figures: 3 })
const stallsMs = watchStalls()
let windowOpen = false
let succeeded = 0
const failures: Record<string, number> = {}
let answeredEver = 0
let openedAtMs = 0
let stallsAtOpeningMs = 0

process.on('disconnect', () => process.exit())
process.on('message', (message: ToChild) => {
  if (message.type === 'start') start(message.plan)
  if (message.type === 'open') openWindow()
  if (message.type === 'close') closeWindow()
})
tell({ type: 'ready' })

function countFailure(how: string): void {
  failures[how] = (failures[how] ?? 0) + 1
}

function start(plan: ChildPlan): void {
  nextNumber = plan.firstNumber
  startClients(plan)
  let before = 0
  setInterval(() => {
    tell({ type: 'live', ratePerS: ((answeredEver - before) * 1000) / livePeriodMs })
    before = answeredEver
  }, livePeriodMs)
}

/** autocannon starts all its clients at once; a ramp is several of it, one a second. */
function startClients({ rampPerS, ...plan }: ChildPlan): void {
  const now = Math.min(plan.connections, rampPerS ?? plan.connections)
  startAutocannon({ ...plan, rampPerS, connections: now })
  const later = plan.connections - now
  if (later > 0) setTimeout(() => startClients({ ...plan, rampPerS, connections: later }), 1000)
}

function startAutocannon(plan: ChildPlan): void {
  const instance = autocannon(
    {
      url: plan.origin,
      connections: plan.connections,
      duration: plan.warmupS + plan.durationS + graceS,
      timeout: plan.timeoutS,
      requests: plan.order.map(index => request(plan, index)),
      setupClient: correctClient,
      ...(plan.ratePerS === null ? {} : { overallRate: plan.ratePerS }),
    },
    () => process.exit(),
  )
  instance.on('response', (client, status, _bytes, sinceMs) => {
    const latencyMs = sinceMs + (waitedMs.get(client) ?? 0)
    waitedMs.delete(client)
    if (isInformational(status)) {
      waitedMs.set(client, latencyMs)
      return
    }
    answeredEver++
    if (!windowOpen) return
    if (status >= 200 && status <= 299) succeeded++
    else countFailure(String(status))
    latencyUs.record(Math.max(1, Math.round(latencyMs * 1000)))
  })
  instance.on('reqError', () => {
    if (windowOpen) countFailure('no answer')
  })
}

/** Not public; autocannon is pinned to one version, and a test counts what it sends. */
interface ClientInside extends NodeJS.EventEmitter {
  _doRequest(): void
  _resetConnection(): void
  readonly pipelinedRequests: { insertRequest(request: unknown): void }
  readonly requestIterator: { readonly currentRequest: unknown }
}

interface AnswerHead {
  readonly shouldKeepAlive: boolean
  readonly statusCode: number
}

/** 103 Early Hints and other 1xx come before the answer. */
function isInformational(status: number): boolean {
  return status < 200
}

/** How long a client waited for an informational answer. */
const waitedMs = new WeakMap<object, number>()

/**
 * Corrects two errors of autocannon.
 *
 * It counts an informational answer as the answer, sends the next request, and counts the real answer as that of the
 * next one. Here the request stays open until its answer.
 *
 * If the server closes the connection after an answer, autocannon sends the next request on the closing connection,
 * loses it, and counts later answers for earlier requests. It reported a wait of one second for one client of a server
 * that answered 1,800 requests a second. Here such a client makes a new connection first.
 */
function correctClient(client: autocannon.Client): void {
  const inside = client as unknown as ClientInside
  const ask = inside._doRequest.bind(inside)
  let isClosing = false
  let isOnTheWay = false
  inside.on('headers', ({ shouldKeepAlive, statusCode }: AnswerHead) => {
    isOnTheWay = isInformational(statusCode)
    isClosing = !isOnTheWay && !shouldKeepAlive
  })
  inside._doRequest = () => {
    if (isOnTheWay) {
      isOnTheWay = false
      return inside.pipelinedRequests.insertRequest(inside.requestIterator.currentRequest)
    }
    if (!isClosing) return ask()
    isClosing = false
    // This sends the request on the new connection.
    inside._resetConnection()
  }
}

function openWindow(): void {
  windowOpen = true
  openedAtMs = performance.now()
  stallsAtOpeningMs = stallsMs()
}

function closeWindow(): void {
  windowOpen = false
  const durationS = (performance.now() - openedAtMs) / 1000
  const ms = (percentile: number) => (latencyUs.count === 0 ? 0 : latencyUs.percentile(percentile) / 1000)
  tell({
    type: 'result',
    result: {
      succeeded,
      failed: Object.values(failures).reduce((sum, count) => sum + count, 0),
      failures,
      dropped: 0,
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

let nextNumber = 0

/** A request that varies is built anew each time; a fixed one only once, by autocannon itself. */
function request(plan: ChildPlan, index: number): autocannon.Request {
  const prepared = plan.requests[index]
  if (prepared === undefined) throw new Error(`the plan has no request ${index}`)
  if (!prepared.varies) return asAutocannon(prepared)
  return { ...asAutocannon(prepared), setupRequest: () => asAutocannon(filled(prepared, nextNumber++)) }
}

/** The headers are copied, because autocannon adds the length of the body to them. */
function asAutocannon({ method, target, headers, body }: PreparedRequest) {
  return {
    method: method as autocannon.Request['method'] & string,
    path: target,
    headers: { ...headers },
    ...(body !== null && { body }),
  }
}
