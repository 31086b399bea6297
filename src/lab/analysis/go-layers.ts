/**
 * Where a Go service's CPU goes, by module: a profile of Go's own sampler, each sample charged to the module of the
 * function that it found running. Unlike V8's, it sees all threads, and system calls inside whoever made them.
 */
import { Profile } from 'pprof-format'
import type { LayerShares } from './cpu-layers.ts'
import { foldStacks, type Stack } from './stacks.ts'

/** Folds what `/debug/pprof/profile` gives, decompressed; null where it saw nothing. Throws where it is none. */
export function goLayers(encoded: Uint8Array): LayerShares | null {
  return foldStacks(stacksOf(Profile.decode(encoded)), layerOfFunction, 'other code')
}

function stacksOf({ sample, location, function: functions, stringTable }: Profile): Stack<string>[] {
  const nameOf = new Map(
    functions.map(({ id, name }) => [Number(id), stringTable.strings[Number(name)] ?? '']),
  )
  const namesAt = new Map(
    // A location has several lines where functions were inlined, the innermost first.
    location.map(({ id, line }) => [
      Number(id),
      line.map(({ functionId }) => nameOf.get(Number(functionId)) ?? ''),
    ]),
  )
  return sample.map(({ locationId, value }) => ({
    frames: locationId.flatMap(id => namesAt.get(Number(id)) ?? []).reverse(),
    // The second value is nanoseconds of CPU; the first counts samples.
    weight: Number(value[1] ?? 0),
  }))
}

function layerOfFunction(name: string, callers: readonly string[]): string | null {
  if (collector.test(name)) return 'garbage collector'
  if (scheduler.test(name)) return 'go scheduler'
  if (/^(?:internal\/runtime\/)?syscall[./]/.test(name)) return layerOfSystemCall(callers)
  return layerOfModules.find(({ modules }) => modules.test(name))?.layer ?? null
}

/** Who asked for the system call, and which way the bytes went. */
function layerOfSystemCall(callers: readonly string[]): string | null {
  const writes = callers.some(name => /^internal\/poll\.\(\*FD\)\.Write/.test(name))
  if (!writes) return callers.some(name => name.startsWith('internal/poll.')) ? 'kernel: receiving' : null
  const forDatabase = callers.some(name => name.startsWith('github.com/jackc/'))
  return forDatabase ? 'kernel: sending queries' : 'kernel: sending answers'
}

const collector = /^runtime\.(?:gcBgMarkWorker|gcAssistAlloc|gcDrain|bgsweep|bgscavenge|gcStart)/
const scheduler = /^runtime\.(?:mcall|schedule|park_m|findRunnable|netpoll|mstart|sysmon|goschedImpl)\b/

const layerOfModules: readonly { layer: string; modules: RegExp }[] = [
  { layer: 'own code: main', modules: /^main\./ },
  { layer: 'pgx', modules: /^github\.com\/jackc\// },
  { layer: 'net/http', modules: /^net\/http\./ },
  // gin and what it brings: validator, sonic, sse.
  { layer: 'gin', modules: /^(?:github\.com|golang\.org|go\.mongodb\.org|google\.golang\.org)\// },
]
