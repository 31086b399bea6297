import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { JanitorMessage } from './janitor-process.ts'
import { endProcessGroup } from './process-group.ts'

/**
 * Nothing the lab starts may outlive it, not even after `kill -9`. No handler inside the lab can promise
 * that, so a small helper process holds the reading end of a pipe whose writing end only the lab has:
 * however the lab ends, the kernel closes the pipe, and the helper ends every process group and removes
 * every folder that it was told of.
 *
 * Every process runs in a group of its own, so that Ctrl-C in a terminal reaches the lab alone, which then
 * stops things in order. The price: one more idle Node process.
 */
let janitor: Writable | undefined

function tellJanitor(message: JanitorMessage): void {
  janitor ??= startJanitor()
  janitor.write(`${JSON.stringify(message)}\n`)
}

function startJanitor(): Writable {
  const script = fileURLToPath(new URL('./janitor-process.ts', import.meta.url))
  const helper = spawn(process.execPath, [script], {
    detached: true,
    cwd: '/',
    env: {},
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  helper.unref()
  if (helper.stdin instanceof Socket) helper.stdin.unref()
  // Someone killed the helper: the lab still stops its own things, only the safety net is gone.
  helper.stdin.on('error', () => {})
  return helper.stdin
}

export interface GuardedProcess {
  readonly child: ChildProcess
  readonly pid: number
  /** Resolves once the process has exited and its pipes are drained: whoever asks for pipes reads them. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** Ends the whole process group with `stopSignal`, and with SIGKILL what is left after the grace. */
  end(): Promise<void>
}

export interface GuardedSpawnOptions extends Omit<SpawnOptions, 'detached'> {
  /** What asks this program to stop; SIGTERM by default. */
  stopSignal?: NodeJS.Signals
  /** How long it may take to obey before SIGKILL; 10 s by default. */
  graceMs?: number
}

/**
 * `child_process.spawn` in a process group of its own that ends with the lab, whatever ends the lab.
 * When the process exits, what it left behind in its group is killed. Rejects as `spawn` does (ENOENT,
 * EACCES) when the program cannot be started.
 */
export async function spawnGuarded(
  command: string,
  args: readonly string[],
  { stopSignal = 'SIGTERM', graceMs = 10_000, ...options }: GuardedSpawnOptions = {},
): Promise<GuardedProcess> {
  const child = spawn(command, args, { ...options, detached: true })
  const { pid } = child
  if (pid !== undefined) {
    tellJanitor({ do: 'guard-group', pid, signal: stopSignal, graceMs })
    child.once('exit', async () => {
      await endProcessGroup(pid, 'SIGKILL', 0)
      tellJanitor({ do: 'release-group', pid })
    })
  }
  const ended = new Promise<Awaited<GuardedProcess['ended']>>(resolve => {
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  await once(child, 'spawn')
  if (pid === undefined) throw new Error(`${command} was spawned without a process id`)
  return {
    child,
    pid,
    ended,
    async end() {
      await endProcessGroup(pid, stopSignal, graceMs)
      await ended
    },
  }
}

/** Makes an empty folder `insertlab-…` in a temporary folder; it goes when the lab goes. */
export function createGuardedFolder(parent = tmpdir()): string {
  const path = mkdtempSync(join(parent, 'insertlab-'))
  tellJanitor({ do: 'guard-folder', path })
  return path
}

/** Removes a folder of `createGuardedFolder` with all that is in it. */
export async function removeGuardedFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  tellJanitor({ do: 'release-folder', path })
}
