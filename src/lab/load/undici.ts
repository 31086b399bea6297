import { addAbortListener } from 'node:events'
import { createRequire } from 'node:module'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { LabError } from '../errors.ts'
import { spawnGuarded } from '../stack/janitor.ts'
import { keepTail, lastErrorLine } from '../stack/output-tail.ts'
import type { LoadGenerator, LoadHooks, LoadPlan, LoadResult } from './generator.ts'
import { type PreparedPlan, preparePlan } from './prepared-plan.ts'

const childFile = fileURLToPath(new URL('undici-child.ts', import.meta.url))
const { version } = createRequire(import.meta.url)('undici/package.json') as { version: string }

/**
 * undici, the HTTP client of the Node project, on one thread: about a quarter of k6's CPU a request. Cheap enough to
 * push a service on the same cores to its ceiling, and an npm dependency, so always there. A load tool such as
 * autocannon costs as much (12 us a request, both measured in one run), and counts a 103 as the answer, and sends a
 * request on a connection that the server closes.
 */
export const undiciGenerator: LoadGenerator = { name: 'undici', version, run: runUndici }

/** What the lab and its undici process say to each other. */
export type ToChild = { type: 'start'; plan: PreparedPlan } | { type: 'open' } | { type: 'close' }
export type FromChild =
  | { type: 'ready' }
  | { type: 'live'; ratePerS: number }
  | { type: 'result'; result: LoadResult }

async function runUndici(plan: LoadPlan, hooks: LoadHooks): Promise<LoadResult> {
  const { signal } = hooks
  signal.throwIfAborted()
  const { child, pid, ended, end } = await spawnGuarded(process.execPath, [childFile], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    stopSignal: 'SIGKILL',
  })
  using _ = addAbortListener(signal, end)
  const output = keepTail(child.stdout, child.stderr)

  const tell = (message: ToChild) => child.connected && child.send(message)
  const ready = Promise.withResolvers<void>()
  const result = Promise.withResolvers<LoadResult>()
  child.on('message', (message: FromChild) => {
    if (message.type === 'ready') ready.resolve()
    else if (message.type === 'live') hooks.onLive(message.ratePerS)
    else result.resolve(message.result)
  })
  const conduct = async () => {
    // On a busy machine loading undici alone may take longer than the warm-up.
    await ready.promise
    tell({ type: 'start', plan: preparePlan(plan) })
    await pause(plan.warmupS * 1000, undefined, { signal })
    tell({ type: 'open' })
    hooks.onWindow('opens', pid)
    await pause(plan.durationS * 1000, undefined, { signal })
    tell({ type: 'close' })
    hooks.onWindow('closes', pid)
    return result.promise
  }
  const failure = async () => {
    await ended
    signal.throwIfAborted()
    throw new LabError(
      'LAB_LOAD_GENERATOR',
      `undici ended too early: ${lastErrorLine(output()) ?? 'it said nothing'}`,
      'Check that the service answers at its address; with k6 on the PATH, --generator k6 is another way.',
    )
  }
  try {
    return await Promise.race([conduct(), failure()])
  } finally {
    await end()
  }
}
