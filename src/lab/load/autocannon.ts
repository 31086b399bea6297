import { addAbortListener } from 'node:events'
import { createRequire } from 'node:module'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { LabError } from '../errors.ts'
import { spawnGuarded } from '../stack/janitor.ts'
import { keepTail, lastErrorLine } from '../stack/output-tail.ts'
import type { ChildPlan, FromChild, ToChild } from './autocannon-messages.ts'
import {
  defaultTimeoutS,
  type LoadGenerator,
  type LoadHooks,
  type LoadPlan,
  type LoadResult,
} from './generator.ts'
import { takeNumbers } from './numbers.ts'
import { originOf, prepareRequest } from './prepare-request.ts'
import { weightedOrder } from './templates.ts'

const childFile = fileURLToPath(new URL('autocannon-child.ts', import.meta.url))
const { version } = createRequire(import.meta.url)('autocannon/package.json') as { version: string }

/**
 * autocannon: about a quarter of k6's CPU a request (27 us against 105, measured in one run), on one thread. Cheap
 * enough to push a service on the same cores to its ceiling, and an npm dependency, so always there. It has no open
 * loop: its fixed rate paces the connections, so a late answer delays the next request; such samples say `paced`.
 */
export const autocannonGenerator: LoadGenerator = {
  name: 'autocannon',
  version,
  modeOf: shape => (shape.mode === 'open' ? 'paced' : 'closed'),
  run: runAutocannon,
}

async function runAutocannon(plan: LoadPlan, hooks: LoadHooks): Promise<LoadResult> {
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
    // On a busy machine loading autocannon alone may take longer than the warm-up.
    await ready.promise
    tell({ type: 'start', plan: childPlan(plan) })
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
      `autocannon ended before its time: ${lastErrorLine(output()) ?? 'it said nothing'}`,
      'Check that the service answers at its address; with k6 on the PATH, --generator k6 is another way.',
    )
  }
  try {
    return await Promise.race([conduct(), failure()])
  } finally {
    await end()
  }
}

/**
 * A paced connection sends its share of a second as fast as it is answered, at the second's start, and rests until
 * the next: so many connections make a burst so wide, and a request waits for those before it. With 1,000 the
 * median at 10,000/s was 38 ms; these are enough for any rate that a service on the same cores can answer.
 */
const pacedConnections = 64

function childPlan({ baseUrl, requests, shape, warmupS, durationS, timeoutS }: LoadPlan): ChildPlan {
  const open = shape.mode === 'open'
  return {
    origin: originOf(baseUrl),
    requests: requests.map(request => prepareRequest(baseUrl, request)),
    order: weightedOrder(requests),
    connections: open ? Math.min(shape.maxConnections, pacedConnections) : shape.connections,
    rampPerS: open ? null : (shape.rampPerS ?? null),
    ratePerS: open ? Math.round(shape.ratePerS) : null,
    warmupS,
    durationS,
    timeoutS: timeoutS ?? defaultTimeoutS,
    firstNumber: takeNumbers(warmupS + durationS),
  }
}
