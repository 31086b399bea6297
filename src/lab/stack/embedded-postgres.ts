import { LabError, messageOf } from '../errors.ts'
import { clusterUrl, connect, createCluster, startError, startServer } from './postgres-cluster.ts'

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

const databaseName = 'insertlab'

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
  await using undo = new AsyncDisposableStack()
  try {
    const cluster = await createCluster({ installation: options.installation })
    undo.defer(() => cluster.remove())
    const server = await startServer(cluster, { ...labSettings, ...options.settings })
    undo.defer(() => server.process.end())

    const client = await connect(clusterUrl(cluster, 'template1'), server)
    try {
      await client.query('CREATE EXTENSION pg_stat_statements')
      await client.query(`CREATE DATABASE ${databaseName}`)
    } finally {
      await client.end()
    }

    const cleanup = undo.move()
    return {
      url: clusterUrl(cluster, databaseName),
      pid: server.process.pid,
      version: cluster.version,
      directory: cluster.directory,
      log: server.log,
      stop: () => cleanup.disposeAsync(),
    }
  } catch (error) {
    if (error instanceof LabError) throw error
    throw startError(`PostgreSQL cannot be started: ${messageOf(error)}`, error)
  }
}
