/**
 * Where a request's CPU goes, by layer: a sampled V8 profile, each sample charged to the layer of the function
 * that it found running (self time), idle and the profiler's own cost left out.
 *
 * A function's layer is the part of the program that its file belongs to ({@link partOf}): an installed package, a module
 * of Node, or a folder of the service's own code. Four kinds of time have no file of their own:
 *
 * - **Socket writes** are native functions (`writeUtf8String`, `writev` …) that Node's streams call. Their time
 *   is the kernel's: one system call each, in which a loopback connection's whole way to the receiver is
 *   walked and the receiver is woken. They are charged to the kernel.
 * - **Other functions without a file**, native or compiled at run time (`Buffer.byteLength`, a validator that
 *   ajv or fast-json-stringify made), do the work of whoever calls them: the caller's layer.
 * - **Clocks** (`process.cpuUsage`, `performance.now`) are the price of whoever reads them, most often telemetry, though
 *   Node's own files stand in between.
 * - **Native code with no JavaScript above it.** While the event loop polls, V8 calls the thread idle, and libuv
 *   does its reads and Node its HTTP parsing in just that phase. A profile cannot tell this work from sleep.
 *   The kernel can: what the main thread ran beyond the samples with a stack is the layer `receiving`, and so is `(program)`,
 *   what little native code V8 does see.
 */
import { type Call, type CpuProfile, callTree } from './call-tree.ts'
import { isPackageName, partOf } from './packages.ts'

/** The native part of the event loop: polling, socket reads, HTTP parsing. */
export const receiving = 'kernel: receiving, HTTP parser'
export const socketWrites = 'kernel: socket writes'
export const collector = 'garbage collector'
export const helperThreads = 'helper threads'

/** A call with the layer that its own time is charged to; null where it is nobody's: sleep, or the profiler. */
export interface LayeredCall {
  readonly name: string
  /** Where a reader finds it: its package, module of Node, or own file; empty for what has no file. */
  readonly place: string
  /** Node's own JavaScript. */
  readonly isNode: boolean
  readonly layer: string | null
  readonly self: number
  readonly callees: readonly LayeredCall[]
}

/** The call tree of profiles of the same work, with the layer of every call. */
export function layeredCalls(profiles: readonly CpuProfile[]): LayeredCall {
  return layered(callTree(profiles), { layer: null, asker: null })
}

/** What a callee inherits. */
interface Caller {
  readonly layer: string | null
  /** Layer of the nearest caller that is not Node's own: on whose behalf Node works. */
  readonly asker: string | null
}

function layered(call: Call, caller: Caller): LayeredCall {
  const { name, url, self } = call
  const isNode = url.startsWith('node:')
  const part = partOf(url)
  const layer = layerOf(call, part, caller)
  const asCaller = { layer, asker: isNode || part === '' ? caller.asker : layer }
  return {
    ...{ name, layer, self, isNode },
    place: url.startsWith('./') && !isPackageName(part) ? url.slice('./'.length) : part,
    callees: [...call.callees.values()].map(callee => layered(callee, asCaller)),
  }
}

function layerOf({ name, url }: Call, part: string, caller: Caller): string | null {
  if (name === '(root)' || name === '(idle)' || url === 'node:inspector') return null
  if (name === '(garbage collector)') return collector
  if (name === '(program)') return receiving
  if (part === '') return socketWrite.test(name) ? socketWrites : (caller.layer ?? receiving)
  return clock.test(url) ? (caller.asker ?? part) : part
}

const socketWrite = /^write(?:v|Buffer|\w+String)$/
const clock = /^node:internal\/(?:process\/per_thread|perf\/)/

/** The main thread's time between two instants within a profile, as the kernel counts it. */
export interface ThreadTime {
  readonly elapsedUs: number
  readonly ranUs: number
  /** Ready to run, without a core. */
  readonly waitedUs: number
}

export interface LayerShares {
  /** Each layer's share of the main thread's CPU, or of all threads that were profiled; together 1. */
  readonly shares: ReadonlyMap<string, number>
  /**
   * CPU that the profile saw in functions over what the main thread ran, unscaled; null without the kernel's
   * word, and for profiles that are not V8's. Below 1 by what `receiving` is; above 1 the two contradict each other.
   */
  readonly agreement: number | null
}

/**
 * Folds a profile taken under a steady load; null where it saw nothing but sleep.
 *
 * The sampler ticks while the thread runs or sleeps, and not while it waits for a core (a tick that fell due
 * then is taken when it goes on), so one sample stands for `(elapsed - waited) / samples` of CPU or sleep. The
 * sampler is a thread too: on a host without a free core it comes late, mostly while this one runs, and then
 * `receiving` reads high and `agreement` low. Known work (1 ms a request, computing) was read 2 to 4 % high on a
 * host with a core to spare; with twice as many runnable threads as cores, inserts agreed to 0.78 to 0.90.
 *
 * @param time of the thread; null where the system does not tell. Then `receiving` is only the little that V8
 * itself calls native code, and the other layers' shares are too large by the rest of it.
 */
export function foldLayers(calls: LayeredCall, time: ThreadTime | null): LayerShares | null {
  const samples = new Map<string, number>()
  const ticks = count(calls, samples)
  const seen = [...samples.values()].reduce((sum, one) => sum + one, 0)
  if (seen === 0) return null
  const usPerSample = time === null ? null : (time.elapsedUs - time.waitedUs) / ticks
  const ran = time === null || usPerSample === null ? seen : Math.max(seen, time.ranUs / usPerSample)
  samples.set(receiving, (samples.get(receiving) ?? 0) + ran - seen)
  return {
    shares: new Map([...samples].map(([layer, amount]) => [layer, amount / ran])),
    agreement: time === null || usPerSample === null ? null : (seen * usPerSample) / time.ranUs,
  }
}

/** Adds each layer's samples; gives the number of all, sleep included and the profiler's own left out. */
function count(call: LayeredCall, samples: Map<string, number>): number {
  if (call.isNode && call.layer === null) return 0
  if (call.layer !== null && call.self > 0)
    samples.set(call.layer, (samples.get(call.layer) ?? 0) + call.self)
  return call.callees.reduce((sum, callee) => sum + count(callee, samples), call.self)
}

/**
 * A request's CPU by layer, us; the sum is `apiUs`.
 *
 * @param apiUs CPU of the process a request, measured from outside while nothing was profiled
 * @param helperThreadsUs the part of it that helper threads took (garbage collector's, libuv's), of which a
 * profile of the main thread shows nothing; null where that is unknown, and then it hides in all layers
 */
export function layersPerRequestUs(
  { shares }: LayerShares,
  apiUs: number,
  helperThreadsUs: number | null,
): Map<string, number> {
  const mainUs = apiUs - (helperThreadsUs ?? 0)
  const amounts = new Map([...shares].map(([layer, share]) => [layer, share * mainUs]))
  return helperThreadsUs === null ? amounts : amounts.set(helperThreads, helperThreadsUs)
}
