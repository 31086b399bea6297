import { isHttpUrl } from '../arguments.ts'
import { readScenario } from '../attach/scenario.ts'
import { targetProcesses } from '../attach/target-process.ts'
import { exitCodeOf } from '../errors.ts'
import { requireSuccess } from '../load/first-request.ts'
import { takeNumbers } from '../load/numbers.ts'
import { methodOf, prepareRequest } from '../load/prepare-request.ts'
import { requireOwnTarget } from '../load/target-guard.ts'
import { filled, type RequestTemplate } from '../load/templates.ts'
import { chooseDatabase } from '../run/database-choice.ts'
import { fixedBed } from '../run/fixed-bed.ts'
import { type RunOptions, runLab } from '../run/run.ts'
import type { Target } from '../run/test-bed.ts'
import { hideSecretsOfRequest, hideSecretsOfUrl, masked } from '../secrets.ts'
import { startPostgres } from '../stack/embedded-postgres.ts'
import { startService } from '../stack/service-process.ts'
import { type AbPlan, abExperiment } from './ab-experiment.ts'

export interface AbOptions
  extends Omit<AbPlan, 'requests'>,
    Pick<RunOptions, 'outFolder' | 'generator' | 'live' | 'signal'> {
  readonly path: string
  /** A file of requests; wins over `path`. */
  readonly scenario?: string | undefined
  /** The database of the services that the lab starts; without it that of DATABASE_URL, or an embedded one. */
  readonly databaseUrl?: string | undefined
  /** The user says that a public address is theirs to load. */
  readonly isOwned: boolean
  /** The command that repeats it. */
  readonly repeat: string
}

/**
 * Compares two services, each a URL or a command. Both run during the whole comparison. Resolves to the exit code.
 * Throws LAB_TARGET where a URL may not be loaded, a service does not answer the request with success, or DATABASE_URL
 * names another machine, and LAB_SERVICE_START where a command does not bring up a service that answers the path.
 */
export function compareServices(options: AbOptions): Promise<number> {
  return exitCodeOf(options.signal, () => compare(options))
}

async function compare(options: AbOptions): Promise<number> {
  const { a, b, outFolder, generator, live, repeat, signal } = options
  const requests =
    options.scenario === undefined ? [{ path: options.path }] : await readScenario(options.scenario)
  for (const one of [a, b, options.databaseUrl, process.env['DATABASE_URL']]) hideSecretsOfUrl(one ?? '')
  for (const one of requests) hideSecretsOfRequest(one)
  const readyPath = readyPathOf(requests)
  await using services = new AsyncDisposableStack()
  const startsService = !(isHttpUrl(a) && isHttpUrl(b))
  const chosen = startsService ? await chooseDatabase(options.databaseUrl, 'pass on') : null
  if (chosen !== null) console.log(chosen.says)
  const database = chosen !== null && chosen.url === null ? await startPostgres() : null
  services.defer(() => database?.stop())
  const databaseUrl = chosen?.url ?? database?.url ?? ''
  const bring = (service: string) =>
    isHttpUrl(service)
      ? running(service, options.isOwned)
      : started(service, { readyPath, services, databaseUrl })
  // At the same time: one of them may make the tables that the other needs.
  const [serviceA, serviceB] = await Promise.all([bring(a), bring(b)])
  await requireSuccessOfBoth([serviceA, serviceB], requests, options)
  const notRead = postgresNotRead({ A: a, B: b }, database !== null)
  if (notRead !== null) console.log(notRead)
  const read = notRead === null ? database : null
  const databaseOf = { databasePid: read?.pid ?? null, databaseUrl: read?.url ?? null }
  const targetOf = ({ url, pids, log }: RunningService): Target => ({
    ...databaseOf,
    ...{ url, adminUrl: null, profiler: null, apiPids: pids, isNew: true, log },
  })
  return await runLab([abExperiment({ ...options, requests })], {
    name: 'ab',
    ...{ outFolder, generator, live, signal },
    attached: {
      bed: fixedBed({
        target: targetOf(serviceB),
        control: targetOf(serviceA),
        postgresVersion: database?.version ?? null,
      }),
      ...{ url: serviceA.url, repeat },
      warnings: [serviceA.warning, serviceB.warning, notRead].filter(one => one != null),
    },
  })
}

/**
 * Why PostgreSQL is not read, in a sentence; null: it is. A service that the lab did not start may use any server, and a
 * server that the lab did not start may serve others.
 */
function postgresNotRead(services: Readonly<Record<string, string>>, isServerOfLab: boolean): string | null {
  const others = Object.keys(services).filter(name => isHttpUrl(services[name] ?? ''))
  if (others.length === 0 && isServerOfLab) return null
  const what = others.length === 0 ? 'its server' : others.join(' and ')
  return `PostgreSQL is not read, because ${what} ${others.length > 1 ? 'were' : 'was'} not started by the lab.`
}

/** Each of them answers one request before the load: two services that fail have no cost to compare. */
async function requireSuccessOfBoth(
  services: readonly RunningService[],
  [request = { path: '/' }]: readonly RequestTemplate[],
  { scenario, signal }: AbOptions,
): Promise<void> {
  for (const [i, { url }] of services.entries()) {
    const name = i === 0 ? 'A' : 'B'
    const remedy = `Correct --${name.toLowerCase()} or ${scenario === undefined ? '--path' : '--scenario'}.`
    await requireSuccess(url, request, signal, { name, remedy })
  }
}

/** What a started service answers when it is ready: the first request that changes nothing, with its placeholders filled. */
function readyPathOf(requests: readonly RequestTemplate[]): string {
  const request = requests.find(one => methodOf(one) === 'GET') ?? { path: '/' }
  return filled(prepareRequest('http://127.0.0.1', request), takeNumbers(1)).target
}

interface RunningService {
  readonly url: string
  readonly pids: readonly number[]
  /** Why its CPU is unknown, in a sentence. */
  readonly warning?: string
  log(): string
}

async function running(url: string, isOwned: boolean): Promise<RunningService> {
  if (!isOwned) await requireOwnTarget(url)
  const found = await targetProcesses({}, url)
  const log = () => ''
  if ('pids' in found) return { url, pids: found.pids, log }
  const warning = `CPU of ${masked(url)} is unknown, because ${found.unknownBecause}.`
  console.log(warning)
  return { url, pids: [], warning, log }
}

async function started(
  command: string,
  {
    readyPath,
    services,
    databaseUrl,
  }: { readyPath: string; services: AsyncDisposableStack; databaseUrl: string },
): Promise<RunningService> {
  const { PORT: _, ADMIN_PORT: __, HOST: ___, DATABASE_URL: ____, ...rest } = process.env
  const env = Object.fromEntries(
    Object.entries(rest).flatMap(([name, value]) => (value ? [[name, value]] : [])),
  )
  const launch = { command: 'sh', args: ['-c', command], cwd: process.cwd() }
  const service = await startService({ databaseUrl, env, launch, readyPath })
  services.defer(() => service.stop())
  return { url: service.url, pids: [service.pid], log: service.log }
}
