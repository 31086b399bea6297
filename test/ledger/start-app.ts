import { once } from 'node:events'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { findFreePort } from '../../src/lab/stack/free-port.ts'
import { type GuardedProcess, spawnGuarded } from '../../src/lab/stack/janitor.ts'
import { keepTail } from '../../src/lab/stack/output-tail.ts'
import { repository } from '../programs.ts'

export interface App extends AsyncDisposable {
  readonly url: string
  /** Where the ledger serves `/metrics`. */
  readonly adminUrl: string
  readonly process: GuardedProcess
  /** The newest of what it wrote to both streams. */
  output(): string
}

export interface AppOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Given to Node before the file. Without it: `--import` of the ledger's sources. */
  readonly nodeArgs?: readonly string[]
  /** The node of this project by default. */
  readonly node?: string
  readonly cwd?: string
  /** Ports for the ledger: the one that is asked for and this many more. */
  readonly morePorts?: number
}

/** The ledger's `/auto` entry, as this repository has it. */
export const ledgerSource = join(repository, 'src/ledger/auto.ts')
const startLimitMs = 30_000

/** Starts an application with the ledger; resolves once it takes connections. */
export async function startApp(
  file: string,
  {
    env = {},
    nodeArgs = ['--import', ledgerSource],
    node = process.execPath,
    cwd = repository,
    morePorts = 0,
  }: AppOptions = {},
): Promise<App> {
  const port = await findFreePort()
  const ledgerPort = env['CPU_LEDGER_PORT'] ?? String(await findFreePort(1 + morePorts))
  const service = await spawnGuarded(node, [...nodeArgs, file], {
    cwd,
    env: { PATH: process.env['PATH'], PORT: String(port), CPU_LEDGER_PORT: ledgerPort, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    stopSignal: 'SIGTERM',
  })
  const output = keepTail(service.child.stdout, service.child.stderr)
  try {
    await untilListening(port, service)
    // The ledger listens a moment after the application, in `cluster` in each worker.
    if (env['CPU_LEDGER_PORT'] === undefined)
      for (let more = Math.min(1, morePorts); more <= morePorts; more++)
        await untilListening(Number(ledgerPort) + more, service)
  } catch (error) {
    await service.end()
    throw new Error(`${file} did not start: ${output()}`, { cause: error })
  }
  return {
    url: `http://127.0.0.1:${port}`,
    adminUrl: `http://127.0.0.1:${ledgerPort}`,
    process: service,
    output,
    [Symbol.asyncDispose]: () => service.end(),
  }
}

async function untilListening(port: number, { child }: GuardedProcess): Promise<void> {
  const limit = AbortSignal.timeout(startLimitMs)
  while (!(await connects(port))) {
    limit.throwIfAborted()
    if (child.exitCode !== null) throw new Error(`it exited with ${child.exitCode}`)
    await pause(50)
  }
}

async function connects(port: number): Promise<boolean> {
  const socket = createConnection(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
