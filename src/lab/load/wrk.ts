import { spawnSync } from 'node:child_process'
import { addAbortListener } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { LabError } from '../errors.ts'
import { spawnGuarded } from '../stack/janitor.ts'
import {
  defaultTimeoutS,
  type LoadGenerator,
  type LoadHooks,
  type LoadPlan,
  type LoadResult,
} from './generator.ts'
import { originOf, prepareRequest } from './prepare-request.ts'
import type { RequestTemplate } from './templates.ts'

const scriptFile = fileURLToPath(new URL('wrk.lua', import.meta.url))

/**
 * The wrk on the PATH, or null: C and epoll, about 5 us of CPU a request, less than half of undici's. It sends
 * one fixed request from a closed loop and nothing else, and its latencies are corrected for what its own
 * clients could not send meanwhile (wrk 4.0 and 4.1), so they read higher than the other generators'.
 */
export function findWrk(): LoadGenerator | null {
  // `wrk -v` prints its version and usage, and exits with 1.
  const version = /wrk\s+(?:\w+\/)?([\d.]+)/.exec(
    spawnSync('wrk', ['-v'], { encoding: 'utf8' }).stdout ?? '',
  )?.[1]
  return version === undefined ? null : { name: 'wrk', version, run: runWrk }
}

/** Whether wrk can send it. */
export function wrkCanSend({ requests, shape }: Pick<LoadPlan, 'requests' | 'shape'>): boolean {
  return (
    shape.mode === 'closed' &&
    shape.rampPerS === undefined &&
    requests.length === 1 &&
    requests.every(request => !prepareRequest('http://any', request).varies)
  )
}

/** The warm-up is a run of its own: wrk cannot leave its first seconds out. */
async function runWrk(plan: LoadPlan, hooks: LoadHooks): Promise<LoadResult> {
  const [request] = plan.requests
  if (request === undefined || !wrkCanSend(plan) || plan.shape.mode !== 'closed') {
    throw new LabError(
      'LAB_LOAD_GENERATOR',
      'wrk sends one fixed request from a closed loop, and this step asks for more',
      'Leave the choice of the generator to the lab, or take another: --generator undici',
    )
  }
  const { connections } = plan.shape
  if (plan.warmupS > 0) {
    await send(plan, request, connections, plan.warmupS, { ...hooks, onWindow: () => {} })
  }
  return send(plan, request, connections, plan.durationS, hooks)
}

async function send(
  { baseUrl, timeoutS = defaultTimeoutS }: LoadPlan,
  request: RequestTemplate,
  connections: number,
  durationS: number,
  { signal, onWindow }: Pick<LoadHooks, 'signal' | 'onWindow'>,
): Promise<LoadResult> {
  signal.throwIfAborted()
  const { method, target, headers, body } = prepareRequest(baseUrl, request)
  const args = [
    ...['--threads', '1', '--connections', String(connections)],
    ...['--duration', `${Math.max(1, Math.round(durationS))}s`, '--timeout', `${Math.ceil(timeoutS)}s`],
    ...['--script', scriptFile],
    ...Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
  ]
  const { child, pid, ended, end } = await spawnGuarded('wrk', [...args, originOf(baseUrl) + target], {
    env: { PATH: process.env['PATH'], METHOD: method, ...(body !== null && { BODY: body }) },
    stdio: ['pipe', 'ignore', 'pipe'],
    stopSignal: 'SIGKILL',
  })
  using _ = addAbortListener(signal, end)
  let result: LoadResult | undefined
  let complaint = 'it said nothing'
  const hear = (line: string) => {
    if (line === 'window opens') onWindow('opens', pid)
    else if (line.startsWith('{')) {
      onWindow('closes', pid)
      result = resultOf(JSON.parse(line) as WrkSummary)
      child.stdin?.end()
    } else complaint = line
  }
  if (child.stderr !== null) createInterface({ input: child.stderr }).on('line', hear)
  await ended
  signal.throwIfAborted()
  if (result !== undefined) return result
  throw new LabError(
    'LAB_LOAD_GENERATOR',
    `wrk gave up: ${complaint}`,
    'Check that the service answers at its address, or try the other generator: --generator undici',
  )
}

/** What `wrk.lua` tells; wrk does not say which status a refusal had. */
interface WrkSummary extends Pick<LoadResult, 'durationS' | 'latencyMs'> {
  readonly answered: number
  readonly refused: number
  readonly unanswered: number
}

function resultOf({ answered, refused, unanswered, durationS, latencyMs }: WrkSummary): LoadResult {
  return {
    succeeded: answered - refused,
    failed: refused + unanswered,
    failures: {
      ...(refused > 0 && { 'a status of 400 or more': refused }),
      ...(unanswered > 0 && { 'no answer': unanswered }),
    },
    dropped: 0,
    durationS,
    stalled: null,
    latencyMs,
  }
}
