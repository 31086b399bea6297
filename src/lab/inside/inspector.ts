import { on, once } from 'node:events'
import { readlinkSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { CpuProfile } from '../analysis/call-tree.ts'
import { relativeTo } from '../analysis/packages.ts'
import { mainThreadTime, type ProfiledWindow } from '../probes/cpu-profile.ts'
import { readOrNull } from '../probes/proc.ts'
import { loopbackPortsOf } from '../probes/sockets.ts'

/**
 * A tick that falls due while the thread waits for a core is taken when it goes on, which is often in a socket write: the
 * kernel lets the receiver run first. The shorter the interval, the less such a tick counts: with V8's 1000 us, on two busy
 * cores, a package that burned 200 us was said to burn 161. But each sample costs CPU too: with 250 us it was 183.
 */
const samplingUs = 500
const openingLimitMs = 3000
const retryMs = 20
/** A process can crash if its inspector is closed while a session ends: docs/upstream/inspector-close-crash.md. */
const closingDelayMs = 100

/**
 * Takes a V8 profile of a running Node process. Opens its inspector by SIGUSR1 if it is not open, on loopback, and then
 * closes it again.
 *
 * @returns null where the process is no Node process, or its inspector cannot be opened (its port is taken)
 */
export async function profileThroughInspector(
  pid: number,
  seconds: number,
  signal: AbortSignal,
): Promise<ProfiledWindow | null> {
  try {
    const open = await inspectorOf(pid)
    const url = open ?? (await openInspector(pid, signal))
    if (url === null) return null
    using inspector = await connect(url, signal)
    try {
      await inspector.ask('Profiler.enable')
      await inspector.ask('Profiler.setSamplingInterval', { interval: samplingUs })
      await inspector.ask('Profiler.start')
      const time = await mainThreadTime(pid, seconds * 1000, signal)
      const { profile } = (await inspector.ask('Profiler.stop')) as { profile?: unknown }
      if (!Value.Check(CpuProfile, profile)) return null
      const kept = relativeTo(profile, pathToFileURL(readlinkSync(`/proc/${pid}/cwd`)).href)
      return { profile: kept, file: JSON.stringify(kept), time }
    } finally {
      if (open === null) inspector.close()
    }
  } catch {
    signal.throwIfAborted()
    return null
  }
}

async function openInspector(pid: number, signal: AbortSignal): Promise<string | null> {
  if (!catchesSigusr1(pid)) return null
  process.kill(pid, 'SIGUSR1')
  const deadline = performance.now() + openingLimitMs
  while (performance.now() < deadline) {
    const url = await inspectorOf(pid)
    if (url !== null) return url
    await pause(retryMs, undefined, { signal })
  }
  return null
}

/** A process that does not catch the signal would end of it: another program, or Node with `--disable-sigusr1`. */
export function catchesSigusr1(pid: number): boolean {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readOrNull(`/proc/${pid}/status`) ?? '')?.[1]
  const sigusr1 = 10
  return caught !== undefined && ((BigInt(`0x${caught}`) >> BigInt(sigusr1 - 1)) & 1n) === 1n
}

const Targets = Type.Array(Type.Object({ webSocketDebuggerUrl: Type.String() }))

/** The address of the inspector of a process; null: it is not open. */
async function inspectorOf(pid: number): Promise<string | null> {
  for (const port of loopbackPortsOf(pid)) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/json/list`, {
        signal: AbortSignal.timeout(1000),
      })
      const targets: unknown = await response.json()
      const [target] = Value.Check(Targets, targets) ? targets : []
      if (target !== undefined) return target.webSocketDebuggerUrl
    } catch {
      // Another server of the process.
    }
  }
  return null
}

/** A session with the inspector of a process. */
export interface Inspector extends Disposable {
  ask(method: string, params?: object): Promise<unknown>
  /** Closes the inspector of the process, and with it this connection. */
  close(): void
}

/** Opens a session. `ask` rejects where the inspector answers with an error, or the session ends. */
export async function connect(url: string, signal: AbortSignal): Promise<Inspector> {
  const socket = new WebSocket(url)
  await once(socket, 'open', { signal })
  let last = 0
  const send = (method: string, params: object): number => {
    socket.send(JSON.stringify({ id: ++last, method, params }))
    return last
  }
  return {
    async ask(method, params = {}) {
      const id = send(method, params)
      for await (const [{ data }] of on(socket, 'message', { signal, close: ['close'] })) {
        const answer = JSON.parse(String(data)) as { id?: number; result?: unknown; error?: unknown }
        if (answer.id !== id) continue
        if (answer.error === undefined) return answer.result
        break
      }
      throw new Error(`the inspector gave no answer to ${method}`)
    },
    close: () => {
      send('Runtime.evaluate', {
        expression: `setTimeout(() => process.getBuiltinModule('node:inspector').close(), ${closingDelayMs})`,
      })
    },
    [Symbol.dispose]: () => socket.close(),
  }
}
