import cluster from 'node:cluster'
import type { AddressInfo, Server } from 'node:net'
import closeWithGrace from 'close-with-grace'
import pg from 'pg'
import type { Logger } from 'pino'
import { createAccessLog } from '../telemetry/access-log.ts'
import { createAdminServer, type ScrapeTarget } from '../telemetry/admin.ts'
import { tracing } from '../telemetry/register.ts'
import { Telemetry } from '../telemetry/telemetry.ts'
import { buildApp } from './app.ts'
import type { Config } from './config.ts'
import { Drain } from './drain.ts'
import { StartError } from './errors.ts'
import { migrate } from './store/migrate.ts'
import { clientConfig, Store } from './store/store.ts'

/** What a worker tells its supervisor when its public port listens, and is told when it is to end. */
export const listensMessage = 'listens'
export const drainMessage = 'drain'

/** MERGE … RETURNING came with it. */
const oldestPostgres = 17

/**
 * One process that serves: alone, or as one of several workers, whose index (from 1) the supervisor gives.
 * Resolves when it listens; from then on it ends by signal.
 */
export async function runWorker(config: Config, log: Logger): Promise<void> {
  const index = Number(process.env['INSERTLAB_WORKER'] ?? 0)
  if (index === 0) await prepareDatabase(config)

  const telemetry = new Telemetry({
    level: config.telemetry,
    tracing,
    accessLog: createAccessLog(config.accessLog),
  })
  const store = new Store(config, telemetry)
  let isDraining = false
  const app = await buildApp({ store, telemetry, log, isDraining: () => isDraining })
  const adminPort = config.adminPort === 0 ? 0 : config.adminPort + index
  const targets = (): ScrapeTarget[] => [
    { port: (admin.address() as AddressInfo).port, labels: { worker: String(index) } },
  ]
  const admin = createAdminServer(telemetry, targets)
  const drain = new Drain(app.server)

  await listening(admin.listen(adminPort, config.adminHost), adminPort)
  try {
    await app.listen({ host: config.host, port: config.port, backlog: 4096 })
  } catch (error) {
    throw cannotListen(error, '', config.port)
  }
  log.info(
    { addresses: app.addresses(), admin: admin.address(), worker: index, pid: process.pid },
    'the service listens',
  )

  const { close } = closeWithGrace(
    { delay: config.shutdownGraceMs, logger: log, skip: cluster.isWorker ? [...supervisorsSignals] : [] },
    async ({ err, signal }) => {
      if (err) log.fatal({ err }, 'the service fails')
      else log.info({ signal }, 'the service drains')
      isDraining = true
      await drain.end({ listensMeanwhile: !cluster.isWorker })
      await app.close()
      await store.close()
      await tracing?.shutdown()
      telemetry.close()
      admin.close()
    },
  )
  if (cluster.isWorker) obeySupervisor(close)
}

/** A terminal's Ctrl-C goes to every process of the group, but when a worker ends is for the supervisor to say. */
const supervisorsSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

function obeySupervisor(close: () => void): void {
  for (const signal of supervisorsSignals) process.on(signal, () => {})
  process.on('message', message => {
    if (message === drainMessage) close()
  })
  process.send?.(listensMessage)
}

/** Brings the schema up to date; done by one process, before any serves. */
export async function prepareDatabase(config: Config): Promise<void> {
  const connection = {
    ...clientConfig(config),
    connectionTimeoutMillis: 5_000,
    statement_timeout: 0,
  }
  try {
    await requireVersion(connection)
    await migrate(connection)
  } catch (error) {
    if (error instanceof StartError) throw error
    throw new StartError(
      `the database cannot be used: ${reasonOf(error)}. Set DATABASE_URL (or PGHOST …) to a PostgreSQL that runs.`,
      { cause: error },
    )
  }
}

async function requireVersion(connection: pg.ClientConfig): Promise<void> {
  const client = new pg.Client(connection)
  try {
    await client.connect()
    const { rows } = await client.query('SHOW server_version_num')
    const major = Math.floor(Number(rows[0].server_version_num) / 10_000)
    if (major < oldestPostgres) {
      throw new StartError(
        `PostgreSQL ${major} is too old. Point DATABASE_URL at a server of version ${oldestPostgres} or newer.`,
      )
    }
  } finally {
    await client.end()
  }
}

/** A refused connection to `localhost` is an AggregateError with no message of its own. */
function reasonOf(error: unknown): string {
  const { message, errors } = error as AggregateError
  return message || errors?.map(String).join(', ') || String(error)
}

/** @throws {StartError} */
export function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('listening', resolve)
    server.once('error', error => reject(cannotListen(error, 'ADMIN', port)))
  })
}

function cannotListen(error: unknown, server: 'ADMIN' | '', port: number): StartError {
  const { code, message } = error as NodeJS.ErrnoException
  const prefix = server === '' ? '' : `${server}_`
  const remedy =
    code === 'EADDRINUSE' || code === 'EACCES'
      ? `Set ${prefix}PORT to a free port`
      : `Set ${prefix}HOST to an address of this machine`
  return new StartError(`cannot listen on port ${port}: ${message}. ${remedy}.`, { cause: error })
}
