import { addAbortListener } from 'node:events'
import { constants } from 'node:os'
import { exitCodes, LabError } from '../errors.ts'
import { startPostgres } from './embedded-postgres.ts'
import { findFreePort, isPortTaken } from './free-port.ts'
import { interruption } from './interruption.ts'
import { spawnService, waitUntilReady } from './service-process.ts'

/**
 * `npm run service`: the service as it would run anywhere, configured by this process's own environment,
 * on an embedded PostgreSQL when neither DATABASE_URL nor PGHOST names one. Prints the addresses when it is
 * ready, stays until SIGINT or SIGTERM, then stops the service before the database.
 *
 * Resolves to the exit code, the service's own. Throws LabError when the database or the port is not to be had.
 */
export async function runServiceCommand(): Promise<number> {
  const interrupted = interruption()
  await using cleanup = new AsyncDisposableStack()

  const { env } = process
  const host = env['HOST'] || '127.0.0.1'
  const adminHost = env['ADMIN_HOST'] || '127.0.0.1'
  const port = await chosenPort(env['PORT'] || '8000')
  const adminPort = await chosenPort(env['ADMIN_PORT'] || '9464')
  await requireFreePort(Number(port), host)

  const named = ['DATABASE_URL', 'PGHOST'].find(name => env[name])
  const embedded = named === undefined ? await startPostgres() : undefined
  cleanup.defer(() => embedded?.stop())
  if (interrupted.aborted) return exitCodes.interrupted

  const service = await spawnService({
    env: {
      ...env,
      PORT: port,
      ADMIN_PORT: adminPort,
      // PGSSLMODE may be set for another server; the embedded one has no TLS.
      ...(embedded && { DATABASE_URL: embedded.url, PGSSLMODE: 'disable' }),
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  cleanup.defer(() => service.end())
  addAbortListener(interrupted, () => service.end())

  const url = `http://${reachable(host)}:${port}`
  if ((await waitUntilReady(`${url}/readyz`, service, interrupted)) === 'ready') {
    console.log(
      [
        `service   ${url}`,
        `API docs  ${url}/docs`,
        `metrics   http://${reachable(adminHost)}:${adminPort}/metrics`,
        `database  ${embedded ? `${embedded.url} (PostgreSQL ${embedded.version}, gone at the end)` : `as ${named} says`}`,
        'Ctrl-C stops it.',
      ].join('\n'),
    )
  }
  const { code, signal } = await service.ended
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal])
}

/** 0 means "any free port"; it is chosen here, because the address has to be printed. */
async function chosenPort(setting: string): Promise<string> {
  return setting === '0' ? String(await findFreePort()) : setting
}

/** An address to print and to connect to. Not every system can connect to "all interfaces". */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

/** Before anything starts: else another instance's `/readyz` would be taken for ours. A port that is no
 *  number is left to the service's own validation, which says it better. */
async function requireFreePort(port: number, host: string): Promise<void> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return
  if (!(await isPortTaken(port, host))) return
  throw new LabError(
    'LAB_SERVICE_START',
    `port ${port} of ${host} is already in use`,
    'Stop the process that listens there, or set PORT',
  )
}
