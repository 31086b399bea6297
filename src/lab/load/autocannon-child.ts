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
import { filled, varies } from './templates.ts'

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
      url: plan.baseUrl,
      connections: plan.connections,
      duration: plan.warmupS + plan.durationS + graceS,
      timeout: graceS,
      requests: plan.order.map(index => request(plan, index)),
      setupClient: connectAgainWhereClosed,
      ...(plan.ratePerS === null ? {} : { overallRate: plan.ratePerS }),
    },
    () => process.exit(),
  )
  instance.on('response', (_client, status, _bytes, latencyMs) => {
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
}

/**
 * Where the server closes the connection after an answer, autocannon sends the next request on the one that is
 * closing, loses it, and takes later answers for earlier requests: a lone client was said to wait a second, and
 * the server answered 1,800 a second. Here such a client connects anew first.
 */
function connectAgainWhereClosed(client: autocannon.Client): void {
  const inside = client as unknown as ClientInside
  const ask = inside._doRequest.bind(inside)
  let isClosing = false
  inside.on('headers', ({ shouldKeepAlive }: { shouldKeepAlive: boolean }) => {
    isClosing = !shouldKeepAlive
  })
  inside._doRequest = () => {
    if (!isClosing) return ask()
    isClosing = false
    // Which asks on the new connection.
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

let sent = 0

/** A request that varies is built anew each time; a fixed one only once, by autocannon itself. */
function request(plan: ChildPlan, index: number): autocannon.Request {
  const template = plan.requests[index]
  if (template === undefined) throw new Error(`the plan has no request ${index}`)
  const { method = 'GET', path, headers = {}, body } = template
  const fixed = { method, path, headers, ...(body !== undefined && { body }) }
  if (!varies(template)) return fixed
  return {
    ...fixed,
    setupRequest: () => {
      const running = sent++
      return {
        ...fixed,
        path: filled(path, running),
        ...(body !== undefined && { body: filled(body, running) }),
      }
    },
  }
}
