import { performance } from 'node:perf_hooks'
import type { WASI } from 'node:wasi'

/** Node has it; its types are in TypeScript's library for browsers, whose other names are no good here. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { exports: { threadCpuMs: () => number } }
}

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

/**
 * Reads the clock and makes milliseconds of it. JavaScript could call the interface itself, but must not: V8 compiles
 * such a call for a number where Node takes only a 64-bit integer, so it throws the compiled caller away at the next
 * call and compiles it anew: about once a second, for as long as there was load (`--trace-deopt`).
 *
 * ```wat
 * (import "wasi_snapshot_preview1" "clock_time_get" (func $read (param i32 i64 i32) (result i32)))
 * (memory (export "memory") 1)
 * (func (export "threadCpuMs") (result f64)
 *   (drop (call $read (i32.const 3 (; the thread's CPU time ;)) (i64.const 1) (i32.const 0)))
 *   (f64.div (f64.convert_i64_u (i64.load (i32.const 0))) (f64.const 1e6)))
 * ```
 */
const clockModule = Buffer.from(
  [
    '0061736d01000000',
    // Types: (i32 i64 i32) -> i32, () -> f64.
    '010c0260037f7e7f017f6000017c',
    // Imports.
    `022901${nameInHex('wasi_snapshot_preview1')}${nameInHex('clock_time_get')}0000`,
    // One function, of the second type; one page of memory.
    '030201010503010001',
    // Exports.
    `071802${nameInHex('memory')}0200${nameInHex('threadCpuMs')}0001`,
    // The function's body.
    '0a1d011b004103420141001000' + '1a4100290300ba' + '440000000080842e41' + 'a30b',
  ].join(''),
  'hex',
)

/** As a module has it: its length, then its characters. */
function nameInHex(name: string): string {
  return Buffer.from([name.length, ...Buffer.from(name)]).toString('hex')
}

function wasiClock(): (() => number) | null {
  try {
    const wasi = createWasi()
    const { exports } = new WebAssembly.Instance(
      new WebAssembly.Module(clockModule),
      wasi.getImportObject() as object,
    )
    wasi.initialize({ exports })
    const { threadCpuMs } = exports
    return keepsTime(threadCpuMs) ? threadCpuMs : null
  } catch {
    return null
  }
}

function createWasi(): WASI {
  const { emitWarning } = process
  // Node says on loading it that it is experimental, which nobody who runs the service can do anything about.
  process.emitWarning = () => {}
  try {
    const { WASI } = process.getBuiltinModule('node:wasi')
    return new WASI({ version: 'preview1' })
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
