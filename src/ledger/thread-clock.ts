import { performance } from 'node:perf_hooks'
import type { WASI } from 'node:wasi'

/** Node has it, but its types are in TypeScript's library for browsers, whose other names do not exist here. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { exports: { threadCpuMs: () => number } }
}

const trialMs = 0.2

/**
 * Opens the CPU clock of the calling thread: a function that returns ms since some moment, exact to a microsecond. One
 * reading takes 0.6 us.
 *
 * Node has two such functions, but neither can be called thousands of times per second. `process.threadCpuUsage()`
 * moves in steps of a scheduler tick (4 ms), because the kernel updates the time of a running thread only then.
 * `process.cpuUsage()` makes the kernel update it, but for all threads of the process, whose cores it has to lock:
 * 0.7 us in an idle process, 4 to 10 us in a busy one.
 *
 * WebAssembly's system interface, which is a part of Node, has the right clock: CLOCK_THREAD_CPUTIME_ID. Node calls
 * this interface experimental. If it is missing, or its clock does not follow the thread, `process.cpuUsage()` is
 * called before `process.threadCpuUsage()`, which makes the second exact.
 */
export function openThreadClock(): () => number {
  return wasiClock() ?? slowClock
}

/**
 * Reads the clock and returns milliseconds. JavaScript must not call the interface directly: V8 compiles such a call
 * for a number, but Node accepts only a 64-bit integer. So V8 discards the compiled caller at the next call and
 * compiles it again: about once a second under load (`--trace-deopt` shows it).
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

/** A name in the format of a module: its length, then its characters. */
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
  // Node warns that it is experimental when it is loaded. The user of the service can do nothing about it.
  process.emitWarning = () => {}
  try {
    const { WASI } = process.getBuiltinModule('node:wasi')
    return new WASI({ version: 'preview1' })
  } finally {
    process.emitWarning = emitWarning
  }
}

/** Whether the clock follows the thread: after 0.2 ms of work it shows 0.2 ms, or less if the thread lost its core. */
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
