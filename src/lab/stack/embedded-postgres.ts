import { randomBytes } from 'node:crypto'
import { chown, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { LabError } from '../errors.ts'
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

export interface PostgresServer {
  /** Connects as superuser to the empty database `insertlab`. */
  readonly url: string
  /** The postmaster; every backend is a child of it. */
  readonly pid: number
  /** Such as `18.4`. */
  readonly version: string
  /** Holds the cluster; removed by `stop`. */
  readonly directory: string
  /** The newest of its log, about 200 lines. */
  log(): string
  stop(): Promise<void>
}

export interface PostgresOptions {
  /** Server settings, as in postgresql.conf; they win over the lab's own. */
  settings?: Readonly<Record<string, string>>
  /** The folder of another installation, with `bin` and `share`. */
  installation?: string
}

const superuser = 'postgres'
const databaseName = 'insertlab'
const startLimitMs = 60_000
const connectRetryMs = 20

/**
 * What differs from a fresh installation. Durability (fsync, synchronous_commit, full_page_writes) and
 * max_connections stay at their defaults: the lab measures the first and shows the limit of the second.
 */
const labSettings = {
  shared_preload_libraries: 'pg_stat_statements',
  shared_buffers: '256MB',
  // At the default of 1GB, a minute of inserts forces a checkpoint into the middle of a measurement.
  max_wal_size: '2GB',
  track_io_timing: 'on',
  track_wal_io_timing: 'on',
}

/**
 * Starts a new, empty PostgreSQL server on a free port of 127.0.0.1, with `pg_stat_statements` in every
 * database, in a temporary folder that is gone after `stop`, or when this process ends in any other way.
 * As root the server runs as an existing unprivileged user.
 *
 * Removes PGSSLMODE, PGOPTIONS and the like from the environment of this process and its children. The shell has them
 * for another server, and a client would use them for whatever the URL does not set.
 *
 * Throws LAB_NO_POSTGRES_BINARY where no binary runs, LAB_POSTGRES_START where the server does not come up.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  for (const name of Object.keys(process.env)) {
    if (/^PG[A-Z]/.test(name)) delete process.env[name]
  }
  try {
    return await startNewCluster(options)
  } catch (error) {
    if (error instanceof LabError) throw error
    throw startError(`PostgreSQL cannot be started: ${messageOf(error)}`, error)
  }
}

async function startNewCluster(options: PostgresOptions): Promise<PostgresServer> {
  await using undo = new AsyncDisposableStack()

  const installed = options.installation ?? installedBinaries()
  const account = await findUnprivilegedAccount()
  const directory = createGuardedFolder(await temporaryFolder(account))
  undo.defer(() => removeGuardedFolder(directory))
  if (account !== undefined) await chown(directory, account.uid, account.gid)

  const binaries = await prepareBinaries(installed, directory, account)
  const cluster: Cluster = { directory, binaries, account, password: randomBytes(24).toString('hex') }
  await initialise(cluster)
  const port = await findFreePort()
  const server = await startServer(cluster, { ...labSettings, ...options.settings, port: String(port) })
  undo.defer(() => server.process.end())

  const url = (database: string) =>
    `postgresql://${superuser}:${cluster.password}@127.0.0.1:${port}/${database}`
  const client = await connect(url('template1'), server)
  try {
    await client.query('CREATE EXTENSION pg_stat_statements')
    await client.query(`CREATE DATABASE ${databaseName}`)
  } finally {
    await client.end()
  }

  const cleanup = undo.move()
  return {
    url: url(databaseName),
    pid: server.process.pid,
    version: binaries.version,
    directory,
    log: server.log,
    stop: () => cleanup.disposeAsync(),
  }
}

/** /tmp where the system's own temporary folder is closed to the account, as root's TMPDIR may be. */
async function temporaryFolder(account: Account | undefined): Promise<string> {
  return account === undefined || (await canEnter(account, tmpdir())) ? tmpdir() : '/tmp'
}

interface Cluster {
  readonly directory: string
  readonly binaries: Binaries
  readonly account: Account | undefined
  readonly password: string
}

interface RunningServer {
  readonly process: GuardedProcess
  readonly log: () => string
}

const dataFolder = (cluster: Cluster) => join(cluster.directory, 'data')

async function initialise(cluster: Cluster): Promise<void> {
  const passwordFile = join(cluster.directory, 'password')
  await writeFile(passwordFile, cluster.password, { mode: 0o600 })
  if (cluster.account !== undefined) await chown(passwordFile, cluster.account.uid, cluster.account.gid)

  const initdb = await run(cluster, 'initdb', [
    ...['-D', dataFolder(cluster), '--username', superuser, '--pwfile', passwordFile],
    ...['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale', 'C'],
    // Saves the flush of the empty cluster to disk; what is written later is flushed as always.
    '--no-sync',
  ])
  const log = keepTail(initdb.child.stdout, initdb.child.stderr)
  const { code } = await initdb.ended
  if (code !== 0) throw startError(`initdb failed: ${lastErrorLine(log()) ?? `exit code ${code}`}`)
}

async function startServer(cluster: Cluster, settings: Record<string, string>): Promise<RunningServer> {
  const fixed = { listen_addresses: '127.0.0.1', unix_socket_directories: '' }
  const assignments = Object.entries({ ...fixed, ...settings }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ])
  const server = await run(cluster, 'postgres', ['-D', dataFolder(cluster), ...assignments], {
    // Immediate shutdown: the data is about to be deleted, so a last checkpoint would be wasted.
    stopSignal: 'SIGQUIT',
  })
  return { process: server, log: keepTail(server.child.stdout, server.child.stderr) }
}

function run(
  { directory, binaries, account }: Cluster,
  program: string,
  args: string[],
  options: GuardedSpawnOptions = {},
): Promise<GuardedProcess> {
  return spawnGuarded(join(binaries.folder, 'bin', program), args, {
    cwd: directory,
    // Not the lab's own environment: PGPORT, PGDATA and the like would change what is started.
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(account && { uid: account.uid, gid: account.gid }),
    ...options,
  })
}

/** Connects as soon as the server takes connections; gives up when it has exited. */
async function connect(connectionString: string, server: RunningServer): Promise<Client> {
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
      if (!isStillStarting(error) || performance.now() > deadline) throw error
      await sleep(connectRetryMs)
    }
  }
}

const cannotConnectNow = '57P03'

function isStillStarting(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    ['ECONNREFUSED', cannotConnectNow].includes(String(error.code))
  )
}

/** The fatal line says why; hints and "database system is shut down" follow it. */
function lastComplaint(log: string): string {
  const fatal = log.split('\n').findLast(line => /FATAL|PANIC/.test(line))
  return fatal ?? lastErrorLine(log) ?? 'it said nothing'
}

function startError(message: string, cause?: unknown): LabError {
  const remedy = 'Set DATABASE_URL to a PostgreSQL 14 or newer that is already running'
  return new LabError('LAB_POSTGRES_START', message, remedy, { cause })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
