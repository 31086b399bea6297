import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { LabError } from '../errors.ts'
import { findFreePort } from './free-port.ts'
import { type GuardedProcess, type GuardedSpawnOptions, spawnGuarded } from './janitor.ts'
import { keepTail, lastErrorLine } from './output-tail.ts'

export interface ServiceProcess {
  readonly url: string
  readonly adminUrl: string
  readonly pid: number
  /** The newest output of the service, about 200 lines. */
  log(): string
  stop(): Promise<void>
}

export interface ServiceOptions {
  databaseUrl: string
  /** Wins over everything the lab sets, and is all the service sees besides. */
  env?: Readonly<Record<string, string>>
  /** The service of this repository by default. */
  launch?: Launch
  /** A path that is answered with 2xx once the service is ready. */
  readyPath?: string
}

/** How a program is started. Every service gets an environment in addition. */
export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  /** Of its own; what a step sets wins over it. */
  readonly env?: Readonly<Record<string, string>>
}

const startLimitMs = 30_000
const readyRetryMs = 20
/** After this time the request is sent again. */
const answerLimitMs = 5_000
/** More than the service's own SHUTDOWN_GRACE_MS, after which it stops waiting for requests itself. */
const graceMs = 15_000
/** Variables that any program needs. PG*, OTEL_* and NODE_OPTIONS of the lab would change what is measured. */
const inherited = ['PATH', 'HOME', 'USER', 'LANG', 'TZ', 'TMPDIR']

/**
 * Starts the service in a process of its own on free ports of 127.0.0.1 and waits until it answers `readyPath`
 * with 2xx. Throws LAB_SERVICE_START with the service's own last error line when it exits or is not
 * ready within 30 s.
 */
export async function startService({
  databaseUrl,
  env = {},
  launch,
  readyPath = '/readyz',
}: ServiceOptions): Promise<ServiceProcess> {
  const serviceEnv = {
    ...Object.fromEntries(inherited.map(name => [name, process.env[name]])),
    HOST: '127.0.0.1',
    PORT: String(await findFreePort()),
    ADMIN_PORT: String(await findFreePort(adminPorts(env['WORKERS']))),
    DATABASE_URL: databaseUrl,
    ...launch?.env,
    ...env,
  }
  const service = await spawnService({ env: serviceEnv, stdio: ['ignore', 'pipe', 'pipe'] }, launch)
  const log = keepTail(service.child.stdout, service.child.stderr)
  const errors = keepTail(service.child.stderr)
  const url = `http://127.0.0.1:${serviceEnv.PORT}`
  const readyUrl = `${url}${readyPath}`

  const state = await waitUntilReady(readyUrl, service, AbortSignal.timeout(startLimitMs))
  if (state !== 'ready') {
    const what =
      state === 'ended'
        ? 'did not start'
        : `was not ready within ${startLimitMs / 1000} s (${readyUrl} ${(await whyNotReady(readyUrl)) ?? 'answers now'})`
    await service.end()
    const complaint = lastErrorLine(errors()) ?? lastErrorLine(log()) ?? 'it said nothing'
    throw new LabError(
      'LAB_SERVICE_START',
      `the service ${what}: ${complaint}`,
      'Correct the setting or the database that the message names',
    )
  }
  return {
    url,
    adminUrl: `http://127.0.0.1:${serviceEnv.ADMIN_PORT}`,
    pid: service.pid,
    log,
    stop: () => service.end(),
  }
}

/** With several workers, the supervisor has ADMIN_PORT and worker i has ADMIN_PORT + i. */
function adminPorts(workers: string | undefined): number {
  const count = workers === 'auto' ? availableParallelism() : Number(workers)
  return count > 1 ? 1 + count : 1
}

/** Starts the service as `npm start` does, in the checkout, or another; SIGTERM makes it drain and exit. */
export function spawnService(
  options: Pick<GuardedSpawnOptions, 'env' | 'stdio'>,
  { command, args, cwd }: Launch = ownService(),
): Promise<GuardedProcess> {
  return spawnGuarded(command, args, { cwd, graceMs, ...options })
}

/**
 * What `npm start` runs, as package.json has it. The reasons for its options:
 *
 * - `--max-semi-space-size=4`: resident memory under load was 249 MB instead of 358, at the same throughput.
 * - `--max-old-space-size=512`: both queues full take 256 MB. V8 collects earlier where the limit is lower. In a
 *   container V8 takes the limit from the container's memory.
 * - `--import ./src/service/preload.js`: the compile cache saves 20 MB.
 * - `--import ./src/telemetry/register.ts`: the ledger and the OpenTelemetry SDK start before what they observe.
 *
 * @param nodeOptions win over them.
 */
export function ownService(nodeOptions: readonly string[] = []): Launch {
  const cwd = fileURLToPath(new URL('../../..', import.meta.url))
  const { scripts } = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8')) as {
    scripts: { start: string }
  }
  const [, ...args] = scripts.start.split(' ')
  return { command: process.execPath, args: [...args.slice(0, -1), ...nodeOptions, ...args.slice(-1)], cwd }
}

/** Asks until the answer is 2xx, the process has ended, or `signal` says to stop asking. */
export async function waitUntilReady(
  readyUrl: string,
  service: GuardedProcess,
  signal: AbortSignal,
): Promise<'ready' | 'ended' | 'aborted'> {
  let ended = false
  service.ended.then(() => {
    ended = true
  })
  while (!ended && !signal.aborted) {
    if ((await whyNotReady(readyUrl, signal)) === null) return 'ready'
    await sleep(readyRetryMs)
  }
  return ended ? 'ended' : 'aborted'
}

/** Why it is not ready, in a few words; null: it is ready. */
async function whyNotReady(readyUrl: string, ...signals: AbortSignal[]): Promise<string | null> {
  try {
    const signal = AbortSignal.any([AbortSignal.timeout(answerLimitMs), ...signals])
    const response = await fetch(readyUrl, { signal })
    await response.arrayBuffer()
    return response.ok ? null : `answers ${response.status}`
  } catch (error) {
    const { message, cause } = error as Error
    return `does not answer: ${cause instanceof Error ? cause.message : message}`
  }
}
