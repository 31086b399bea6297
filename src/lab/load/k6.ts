import { spawnSync } from 'node:child_process'
import { addAbortListener } from 'node:events'
import { totalmem } from 'node:os'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { LabError } from '../errors.ts'
import { findFreePort } from '../stack/free-port.ts'
import { spawnGuarded } from '../stack/janitor.ts'
import type { LoadGenerator, LoadHooks, LoadPlan, LoadResult } from './generator.ts'
import { preparePlan } from './prepared-plan.ts'
import { failureStatuses } from './templates.ts'

const scriptFile = fileURLToPath(new URL('k6-script.ts', import.meta.url))
const livePeriodMs = 500
/**
 * k6 collects garbage when it has an eighth of the memory, and not whenever its heap has doubled, which took a sixth of
 * its CPU. It must collect all the same: a heap that only grows takes 11 KB of untouched pages a request, which cost
 * 8 us of kernel at 10,000/s, and 30 us where a virtual machine had to ask its host for them. After 40 s of 60 that
 * was read as the limit of the service. One collection drops about 500 arrivals at that rate; with 3 GB there were one
 * or two in a minute, with 2 GB four. Less than 1 GiB would be full of virtual users.
 */
const garbageLimitBytes = Math.max(totalmem() / 8, 2 ** 30)
const lazyGarbageCollector = { GOGC: 'off', GOMEMLIMIT: `${Math.floor(garbageLimitBytes / 2 ** 20)}MiB` }

/**
 * The k6 on the PATH, or null. Its latencies are floating-point milliseconds with nanoseconds behind them,
 * its percentiles exact (it keeps every value), its arrival rates a true open loop.
 */
export function findK6(): LoadGenerator | null {
  const asked = spawnSync('k6', ['version'], { encoding: 'utf8' })
  const version = /v([\d.]+)/.exec(asked.stdout ?? '')?.[1]
  if (asked.status !== 0 || version === undefined) return null
  return { name: 'k6', version, run: runK6 }
}

async function runK6(plan: LoadPlan, hooks: LoadHooks): Promise<LoadResult> {
  const { signal } = hooks
  signal.throwIfAborted()
  const apiAddress = `127.0.0.1:${await findFreePort()}`
  const args = ['--quiet', '--no-usage-report', '--log-format', 'raw', '--address', apiAddress]
  const { child, pid, ended, end } = await spawnGuarded('k6', ['run', ...args, scriptFile], {
    env: { ...lazyGarbageCollector, ...process.env, PLAN: JSON.stringify(preparePlan(plan)) },
    stdio: ['ignore', 'pipe', 'pipe'],
    stopSignal: 'SIGKILL',
  })
  using _ = addAbortListener(signal, end)
  using _live = watchRate(apiAddress, hooks)

  const complaints: string[] = []
  const hear = (line: string) => {
    if (line === 'window opens') hooks.onWindow('opens', pid)
    else if (line === 'window closes') hooks.onWindow('closes', pid)
    else complaints.push(line)
  }
  if (child.stderr !== null) createInterface({ input: child.stderr }).on('line', hear)
  const [summary, { code }] = await Promise.all([child.stdout ? text(child.stdout) : '', ended])
  signal.throwIfAborted()
  if (code !== 0) {
    throw new LabError(
      'LAB_LOAD_GENERATOR',
      `k6 gave up: ${complaints.at(-1) ?? `exit code ${code}`}`,
      'Try the other generator: --generator undici',
    )
  }
  return readSummary(summary, plan.durationS)
}

/** Picks the figures of the window out of k6's end-of-test summary (what `handleSummary` is given). */
function readSummary(summary: string, durationS: number): LoadResult {
  const { metrics } = JSON.parse(summary) as K6Summary
  const value = (metric: string, key: string) => metrics[`${metric}{phase:measure}`]?.values[key] ?? 0
  return {
    // A rate metric counts in `passes` how often its condition, here "failed", was true.
    succeeded: value('http_req_failed', 'fails'),
    failed: value('http_req_failed', 'passes'),
    failures: failuresIn(metrics, value('http_req_failed', 'passes')),
    dropped: metrics['dropped_iterations{scenario:measure}']?.values['count'] ?? 0,
    durationS,
    stalled: null,
    latencyMs: {
      p50: value('http_req_duration', 'med'),
      p90: value('http_req_duration', 'p(90)'),
      p95: value('http_req_duration', 'p(95)'),
      p99: value('http_req_duration', 'p(99)'),
      max: value('http_req_duration', 'max'),
      mean: value('http_req_duration', 'avg'),
    },
  }
}

/** k6 says status 0 where there was no answer. */
function failuresIn(metrics: K6Summary['metrics'], failed: number): Record<string, number> {
  const counts = failureStatuses.flatMap((status): [string, number][] => {
    const count = metrics[`http_reqs{phase:measure,status:${status}}`]?.values['count'] ?? 0
    return count === 0 ? [] : [[status === 0 ? 'no answer' : String(status), count]]
  })
  const others = failed - counts.reduce((sum, [, count]) => sum + count, 0)
  return Object.fromEntries(others > 0 ? [...counts, ['another status', others]] : counts)
}

interface K6Summary {
  metrics: Record<string, { values: Record<string, number> } | undefined>
}

/** Live rate from k6's own REST API; where k6 could not bind the port, the run only goes without. */
function watchRate(apiAddress: string, hooks: LoadHooks): Disposable {
  let last = { count: 0, atMs: performance.now() }
  const timer = setInterval(async () => {
    const count = await requestCount(apiAddress)
    if (count === null) return
    const atMs = performance.now()
    hooks.onLive((count - last.count) / ((atMs - last.atMs) / 1000))
    last = { count, atMs }
  }, livePeriodMs)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

async function requestCount(apiAddress: string): Promise<number | null> {
  try {
    const response = await fetch(`http://${apiAddress}/v1/metrics/http_reqs`, {
      signal: AbortSignal.timeout(livePeriodMs),
    })
    if (!response.ok) return null
    const answer = (await response.json()) as { data: { attributes: { sample: { count: number } } } }
    return answer.data.attributes.sample.count
  } catch {
    return null
  }
}
