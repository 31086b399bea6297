import { addAbortListener } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { LabError } from '../errors.ts'
import { spawnGuarded } from '../stack/janitor.ts'
import { keepTail, lastErrorLine } from '../stack/output-tail.ts'
import type { LoadGenerator, LoadHooks, LoadPlan, LoadResult } from './generator.ts'
import { preparePlan } from './prepared-plan.ts'

const childFile = fileURLToPath(new URL('undici-child.ts', import.meta.url))
const { version } = createRequire(import.meta.url)('undici/package.json') as { version: string }

/**
 * undici, the HTTP client of the Node project, on one thread: about a quarter of k6's CPU a request. Cheap enough to
 * push a service on the same cores to its ceiling, and an npm dependency, so always there. A load tool such as
 * autocannon costs as much (12 us a request, both measured in one run), and counts a 103 as the answer, and sends a
 * request on a connection that the server closes.
 */
export const undiciGenerator: LoadGenerator = { name: 'undici', version, run: runUndici }

/** What the undici process says. It is told its plan. */
export type FromChild =
  | { type: 'live'; ratePerS: number }
  | { type: 'opens' }
  | { type: 'closes'; result: LoadResult }

async function runUndici(plan: LoadPlan, hooks: LoadHooks): Promise<LoadResult> {
  const { signal } = hooks
  signal.throwIfAborted()
  const { child, pid, ended, end } = await spawnGuarded(process.execPath, [childFile], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    stopSignal: 'SIGKILL',
  })
  using _ = addAbortListener(signal, end)
  const output = keepTail(child.stdout, child.stderr)

  let result: LoadResult | undefined
  child.on('message', (message: FromChild) => {
    if (message.type === 'live') return hooks.onLive(message.ratePerS)
    hooks.onWindow(message.type, pid)
    if (message.type === 'opens') return
    result = message.result
    end()
  })
  // If the process has ended already, this fails, and the end of the process is what counts.
  child.send(preparePlan(plan), () => {})
  await ended
  signal.throwIfAborted()
  if (result !== undefined) return result
  throw new LabError(
    'LAB_LOAD_GENERATOR',
    `undici ended too early: ${lastErrorLine(output()) ?? 'it said nothing'}`,
    'Check that the service answers at its address; with k6 on the PATH, --generator k6 is another way.',
  )
}
