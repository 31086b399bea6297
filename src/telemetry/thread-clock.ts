import type { WASI } from 'node:wasi'

/** Node has it; its types are in TypeScript's library for browsers, whose other names are no good here. */
declare const WebAssembly: { readonly Memory: new (size: { initial: number }) => Memory }
interface Memory {
  readonly buffer: ArrayBuffer
}

/** wasi_snapshot_preview1, clockid. */
const threadCpuTime = 3
const trialMs = 0.2

/**
 * The CPU clock of the calling thread: a function that gives ms since some moment, exact to a microsecond, at 0.6 us a
 * reading.
 *
 * Node has two, and neither is right for reading thousands of times a second. `process.threadCpuUsage()` moves in steps
 * of a scheduler tick (4 ms), because the kernel refreshes a running thread's account only then. `process.cpuUsage()`
 * makes it refresh the account, but those of all the process's threads, whose cores it has to lock: 0.7 us in an idle
 * process, 4 to 10 us in one that works.
 *
 * WebAssembly's system interface has the clock that is wanted, CLOCK_THREAD_CPUTIME_ID, and Node brings it. That
 * interface is "experimental" to Node; where it is missing or does not run with the thread, the two above are read in
 * the order that makes the second exact.
 */
export function openThreadClock(): () => number {
  return wasiClock() ?? slowClock
}

function wasiClock(): (() => number) | null {
  try {
    const memory = new WebAssembly.Memory({ initial: 1 })
    const { wasiImport } = preparedWasi(memory)
    const { clock_time_get: read } = wasiImport as { clock_time_get: ReadClock }
    const nanoseconds = new Uint32Array(memory.buffer, 0, 2)
    const clock = () => {
      read(threadCpuTime, 1n, 0)
      const [low = 0, high = 0] = nanoseconds
      return (high * 2 ** 32 + low) / 1e6
    }
    return keepsTime(clock) ? clock : null
  } catch {
    return null
  }
}

type ReadClock = (clock: number, precisionNs: bigint, resultAt: number) => number

/** There is no module to run: only the functions that one would import are wanted. */
function preparedWasi(memory: Memory): WASI {
  const { emitWarning } = process
  // Node says on loading it that it is experimental, which nobody who runs the service can do anything about.
  process.emitWarning = () => {}
  try {
    const { WASI } = process.getBuiltinModule('node:wasi')
    const wasi = new WASI({ version: 'preview1' })
    wasi.initialize({ exports: { memory } })
    return wasi
  } finally {
    process.emitWarning = emitWarning
  }
}

/** Whether it runs while the thread does: 0.2 ms of work are that much on it, unless the thread lost its core. */
function keepsTime(clock: () => number): boolean {
  const [startMs, cpuStartMs] = [performance.now(), clock()]
  while (performance.now() - startMs < trialMs);
  const cpuMs = clock() - cpuStartMs
  return cpuMs > 0 && cpuMs < performance.now() - startMs + trialMs
}

function slowClock(): number {
  process.cpuUsage()
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
