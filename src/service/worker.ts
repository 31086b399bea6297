import cluster from 'node:cluster'
import { lookup } from 'node:dns/promises'
import type { AddressInfo, Server } from 'node:net'
import closeWithGrace from 'close-with-grace'
import type { Logger } from 'pino'
import { createAccessLog } from '../telemetry/access-log.ts'
import { createAdminServer, type ScrapeTarget } from '../telemetry/admin.ts'
import { tracing } from '../telemetry/register.ts'
import { Telemetry } from '../telemetry/telemetry.ts'
import { buildApp } from './app.ts'
import type { Config } from './config.ts'
import { Drain } from './drain.ts'
import { StartError } from './errors.ts'
import { prepareDatabase } from './prepare-database.ts'
import { Store } from './store/store.ts'

/** What a worker sends to its supervisor when its public port listens. */
export const listensMessage = 'listens'
/** What the supervisor sends to a worker that must end. */
export const drainMessage = 'drain'

/**
 * Runs one process that serves: alone, or as one of several workers, whose index (from 1) the supervisor sets.
 * Resolves when it listens. After that, a signal or the supervisor ends it.
 */
export async function runWorker(config: Config, log: Logger): Promise<void> {
  const index = Number(process.env['INSERTLAB_WORKER'] ?? 0)
  if (index === 0) await prepareDatabase(config, log)

  const telemetry = new Telemetry({
    level: config.TELEMETRY,
    tracing,
    accessLog: createAccessLog(config.ACCESS_LOG),
  })
  const store = new Store(config, telemetry)
  let isDraining = false
  const app = await buildApp({
    config,
    store,
    telemetry,
    log,
    isDraining: () => isDraining,
  })
  const adminPort = config.ADMIN_PORT === 0 ? 0 : config.ADMIN_PORT + index
  const targets = (): ScrapeTarget[] => [
    { port: (admin.address() as AddressInfo).port, labels: { worker: String(index) } },
  ]
  const admin = createAdminServer(telemetry, targets, config.ADMIN_TOKEN)
  const drain = new Drain(app.server, app.openResponses)

  await listening(admin.listen(adminPort, config.ADMIN_HOST), adminPort)
  try {
    // For the name `localhost` Fastify would make a second server, which the drain does not know.
    const { address: host } = await lookup(config.HOST, { order: 'ipv4first' })
    await app.listen({ host, port: config.PORT, backlog: 4096 })
  } catch (error) {
    throw cannotListen(error, '', config.PORT)
  }
  log.info({ addresses: app.addresses(), admin: admin.address(), worker: index }, 'the service listens')

  const { close } = closeWithGrace(
    { delay: config.SHUTDOWN_GRACE_MS, logger: log, skip: cluster.isWorker ? [...supervisorsSignals] : [] },
    async ({ err, signal }) => {
      if (err) log.fatal({ err }, 'the service fails')
      else log.info({ signal }, 'the service drains')
      isDraining = true
      await drain.end({ silenceLimitMs: config.SHUTDOWN_GRACE_MS / 4 })
      await app.close()
      await store.close()
      await tracing?.shutdown()
      await telemetry.close()
      admin.close()
    },
  )
  if (cluster.isWorker) obeySupervisor(close)
}

/** Ctrl-C in a terminal goes to every process of the group, but the supervisor decides when a worker ends. */
const supervisorsSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

function obeySupervisor(close: () => void): void {
  for (const signal of supervisorsSignals) process.on(signal, () => {})
  process.on('message', message => {
    if (message === drainMessage) close()
  })
  process.send?.(listensMessage)
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
