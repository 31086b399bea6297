import { randomBytes } from 'node:crypto'
import { chown, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { codeOf, LabError } from '../errors.ts'
import { findFreePort } from './free-port.ts'
import {
  createGuardedFolder,
  type GuardedProcess,
  type GuardedSpawnOptions,
  removeGuardedFolder,
  spawnGuarded,
} from './janitor.ts'
import { keepTail, lastErrorLine } from './output-tail.ts'
import { type Binaries, installedBinaries, prepareBinaries } from './postgres-binaries.ts'
import { type Account, canEnter, findUnprivilegedAccount } from './unprivileged-account.ts'

const superuser = 'postgres'
const startLimitMs = 60_000
const connectRetryMs = 20

/** The data of a PostgreSQL server, which may be started on it and ended as often as one likes. */
export interface Cluster {
  /** The data folder. */
  readonly data: string
  readonly port: number
  readonly version: string
  readonly binaries: Binaries
  /** Whom the files belong to and the server runs as; undefined: this process's own user. */
  readonly account: Account | undefined
  readonly password: string
}

export interface ClusterFolder extends Cluster {
  /** Holds the data folder. */
  readonly directory: string
  /** Removes the folder. Call it when no server runs in it. */
  remove(): Promise<void>
}

export interface RunningServer {
  readonly process: GuardedProcess
  /** The newest of its log, about 200 lines. */
  readonly log: () => string
}

/**
 * Makes an empty cluster in a temporary folder that is gone after `remove`, or when this process ends in any other way.
 * Its files belong to an existing unprivileged user where this process is root.
 *
 * Throws LAB_NO_POSTGRES_BINARY where no binary runs, LAB_POSTGRES_START where initdb fails.
 *
 * @param options.installation the folder of another installation, with `bin` and `share`.
 * @param options.initdb more arguments of initdb.
 */
export async function createCluster({
  installation = installedBinaries(),
  initdb = [],
}: {
  installation?: string | undefined
  initdb?: readonly string[]
} = {}): Promise<ClusterFolder> {
  await using undo = new AsyncDisposableStack()

  const account = await findUnprivilegedAccount()
  const directory = createGuardedFolder(await temporaryFolder(account))
  undo.defer(() => removeGuardedFolder(directory))
  if (account !== undefined) await chown(directory, account.uid, account.gid)

  const binaries = await prepareBinaries(installation, directory, account)
  const cluster = {
    directory,
    data: join(directory, 'data'),
    version: binaries.version,
    binaries,
    account,
    password: randomBytes(24).toString('hex'),
  }
  await initialise(cluster, directory, initdb)
  const port = await findFreePort()
  const cleanup = undo.move()
  return { ...cluster, port, remove: () => cleanup.disposeAsync() }
}

/** Connects to one of its databases as superuser. */
export function clusterUrl({ password, port }: Cluster, database: string): string {
  return `postgresql://${superuser}:${password}@127.0.0.1:${port}/${database}`
}

/** /tmp where the system's own temporary folder is closed to the account, as root's TMPDIR may be. */
async function temporaryFolder(account: Account | undefined): Promise<string> {
  return account === undefined || (await canEnter(account, tmpdir())) ? tmpdir() : '/tmp'
}

type ClusterFiles = Omit<Cluster, 'port'>

async function initialise(cluster: ClusterFiles, directory: string, more: readonly string[]): Promise<void> {
  const passwordFile = join(directory, 'password')
  await writeFile(passwordFile, cluster.password, { mode: 0o600 })
  if (cluster.account !== undefined) await chown(passwordFile, cluster.account.uid, cluster.account.gid)

  const initdb = await run(cluster, 'initdb', [
    ...['-D', cluster.data, '--username', superuser, '--pwfile', passwordFile],
    ...['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale', 'C'],
    // Saves the flush of the empty cluster to disk; what is written later is flushed as always.
    '--no-sync',
    ...more,
  ])
  const log = keepTail(initdb.child.stdout, initdb.child.stderr)
  const { code } = await initdb.ended
  if (code !== 0) throw startError(`initdb failed: ${lastErrorLine(log()) ?? `exit code ${code}`}`)
}

/** Starts the server of a cluster on 127.0.0.1; {@link connect} waits for it. */
export async function startServer(
  cluster: Cluster,
  settings: Readonly<Record<string, string>>,
): Promise<RunningServer> {
  const fixed = { listen_addresses: '127.0.0.1', unix_socket_directories: '', port: String(cluster.port) }
  const assignments = Object.entries({ ...fixed, ...settings }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ])
  const server = await run(cluster, 'postgres', ['-D', cluster.data, ...assignments], {
    // Immediate shutdown: the data is about to be deleted, so a last checkpoint would be wasted.
    stopSignal: 'SIGQUIT',
  })
  return { process: server, log: keepTail(server.child.stdout, server.child.stderr) }
}

function run(
  { data, binaries, account }: ClusterFiles,
  program: string,
  args: string[],
  options: GuardedSpawnOptions = {},
): Promise<GuardedProcess> {
  return spawnGuarded(join(binaries.folder, 'bin', program), args, {
    cwd: join(data, '..'),
    // Not the lab's own environment: PGPORT, PGDATA and the like would change what is started.
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(account && { uid: account.uid, gid: account.gid }),
    ...options,
  })
}

/** Connects as soon as the server takes connections; gives up when it has exited. */
export async function connect(connectionString: string, server: RunningServer): Promise<Client> {
  let exited = false
  server.process.ended.then(() => {
    exited = true
  })
  const deadline = performance.now() + startLimitMs
  for (;;) {
    const client = new Client({ connectionString })
    try {
      await client.connect()
      return client
    } catch (error) {
      if (exited) throw startError(`PostgreSQL did not start: ${lastComplaint(server.log())}`, error)
      if (!stillStarting.includes(codeOf(error)) || performance.now() > deadline) throw error
      await sleep(connectRetryMs)
    }
  }
}

/** Nothing listens yet, or PostgreSQL cannot take connections now. */
const stillStarting = ['ECONNREFUSED', '57P03']

/** The fatal line says why; hints and "database system is shut down" follow it. */
function lastComplaint(log: string): string {
  const fatal = log.split('\n').findLast(line => /FATAL|PANIC/.test(line))
  return fatal ?? lastErrorLine(log) ?? 'it said nothing'
}

export function startError(message: string, cause?: unknown): LabError {
  const remedy = 'Set DATABASE_URL to a PostgreSQL 14 or newer that is already running'
  return new LabError('LAB_POSTGRES_START', message, remedy, { cause })
}
