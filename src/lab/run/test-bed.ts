import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Control, Step } from '../experiments/experiment.ts'
import type { LoadPlan } from '../load/generator.ts'
import { metricsUrls, readMetrics } from '../probes/service-metrics.ts'
import { canLimitCpu, limitCpu } from '../stack/cpu-limit.ts'
import { createPrograms, type Profiler, type Program } from '../stack/programs.ts'
import { type Database, openDatabase } from './database.ts'

/** What a step is measured on. null: the lab cannot see it. */
export interface Target {
  readonly url: string
  /** How to connect to a service that is not ours. */
  readonly connection?: Pick<LoadPlan, 'insecure' | 'timeoutS'>
  /** Of a service with our admin port. */
  readonly adminUrl: string | null
  /** Addresses of the ledger's metrics of a service that has no admin port of ours. They may change while it runs. */
  readonly ledgerUrls?: () => Promise<readonly string[]>
  readonly profiler: Profiler | null
  /** What a peer runs on; absent where it does not say. */
  readonly versions?: string | null
  /** The service's processes whose parent is not one of them; empty: the lab cannot see them. */
  readonly apiPids: readonly number[]
  /** What the lab's own CPU limit has kept the service from running so far, us; null: it is not held by one. */
  readonly throttledUs?: () => number | null
  readonly databasePid: number | null
  /** Where the database can be asked for its statistics. */
  readonly databaseUrl: string | null
  /** Has served no load yet, so V8 has compiled nothing for it. */
  readonly isNew: boolean
  /** The newest output of PostgreSQL and of the service; empty where the lab cannot see it. */
  log(): string
}

export interface Targets {
  readonly target: Target
  /** null: the step has none. */
  readonly control: Target | null
}

/** Starts what a step needs, and stops it again. */
export interface TestBed extends AsyncDisposable {
  /** Why the step cannot be taken here, in one line, or null; `say` is told of what takes long to get. */
  unavailableBecause(step: Step, say: (line: string) => void): Promise<string | null>
  /**
   * Gives the step's target and its control, set up as it asks, tables empty but for its seed. Services of other steps are
   * ended.
   */
  prepare(step: Step): Promise<Targets>
  /** The next `prepare` starts a new service process: a repeat must not inherit the last one's warm code. */
  retire(): Promise<void>
  /** Version of PostgreSQL, or null while none has been needed or where it is not ours. */
  postgresVersion(): string | null
}

/**
 * The lab's own stack: one PostgreSQL, and one service at a time unless a step has a control. A step whose environment
 * equals that of a running service finds it warm; a step with other settings of PostgreSQL ends them all.
 *
 * @param databaseUrl a server on which the lab makes a database; null: the lab starts a server
 */
export function ownTestBed(databaseUrl: string | null): TestBed {
  const databases = keptBySettings<Step['postgres'], Database>(settings =>
    openDatabase(databaseUrl, settings),
  )
  let postgresVersion: string | null = null
  const receivers = keptBySettings<undefined, Server>(startSpanReceiver)
  const programs = createPrograms()
  const services = keptBySettings<ServiceSettings, Service>(
    async ({ program, cores, controlName: _, ...options }) => {
      const started = await programs.start(program, options)
      return heldTo(cores, started)
    },
  )
  const settingsOf = async (step: Step, database: Database, control?: Control): Promise<ServiceSettings> => {
    const { program, service } = control ?? step
    const spans = step.takesSpans ? endpointOf(await receivers.get(undefined)) : {}
    return {
      program,
      databaseUrl: database.url,
      env: { ...spans, ...service },
      cores: step.serviceCores ?? null,
      controlName: control?.name ?? null,
    }
  }
  const targetOf = async (settings: ServiceSettings, database: Database): Promise<Target> => {
    const isNew = !services.holds(settings)
    const { url, adminUrl, profiler, versions, pid, log, throttledUs } = await services.get(settings)
    return {
      url,
      adminUrl,
      profiler,
      versions,
      apiPids: [pid],
      throttledUs,
      databasePid: database.pid,
      databaseUrl: database.url,
      isNew,
      log: () => `${log()}\n${database.log()}`,
    }
  }
  return {
    async unavailableBecause({ program, control, serviceCores, postgres = {} }, say) {
      if (serviceCores !== undefined && !canLimitCpu()) {
        return 'nothing here can hold a process to a part of a core (no /proc)'
      }
      const [setting] = Object.keys(postgres)
      if (setting !== undefined && databaseUrl !== null) {
        return `the lab does not change settings (${setting}) of a server that it did not start; without --database-url and DATABASE_URL it starts its own`
      }
      return (
        (await programs.unavailableBecause(program, say)) ??
        programs.unavailableBecause(control?.program, say)
      )
    },
    async prepare(step) {
      if (!databases.holds(step.postgres)) {
        await services.release()
        await databases.release()
      }
      const database = await databases.get(step.postgres)
      postgresVersion = database.version
      const settings = await settingsOf(step, database)
      if (!services.holds(settings)) await services.release()
      const target = await targetOf(settings, database)
      const control =
        step.control && (await targetOf(await settingsOf(step, database, step.control), database))
      await database.reset(step.seed ?? [])
      return { target, control: control ?? null }
    },
    retire: () => services.release(),
    postgresVersion: () => postgresVersion,
    async [Symbol.asyncDispose]() {
      await services.release()
      await receivers.release()
      await databases.release()
    },
  }
}

interface ServiceSettings {
  readonly program: Step['program']
  readonly databaseUrl: string
  readonly env: Readonly<Record<string, string>>
  /** It is held to so many; null: it may use what there is. */
  readonly cores: number | null
  /** A control is a process of its own even where its settings are those of the service. null: not a control. */
  readonly controlName: string | null
}

type Service = Program & Required<Pick<Target, 'throttledUs'>> & AsyncDisposable

/** The program, once all of its workers serve, with its CPU limit if it has one. */
async function heldTo(cores: number | null, program: Program): Promise<Service> {
  await using undo = new AsyncDisposableStack()
  undo.defer(() => program.stop())
  if (program.adminUrl !== null) await allWorkersAnswer(program.adminUrl)
  // Undone first: a process that is held may be stopped just then, and would not hear that it is to end.
  const limit = cores === null ? null : undo.use(limitCpu(program.pid, cores))
  const all = undo.move()
  return {
    ...program,
    throttledUs: limit?.throttledUs ?? (() => null),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

const workersStartLimitMs = 60_000
const workersRetryMs = 50

/** The service is ready with its first worker. The others are still starting then, which would be measured too. */
async function allWorkersAnswer(adminUrl: string): Promise<void> {
  const deadline = performance.now() + workersStartLimitMs
  // The first page is the supervisor's own, which has no metrics, or that of the only worker.
  const [, ...workers] = await metricsUrls(adminUrl)
  while (performance.now() < deadline) {
    const answers = await Promise.all(workers.map(page => readMetrics(page)))
    if (answers.every(answer => answer !== null)) return
    await pause(workersRetryMs)
  }
}

/** Answers as a collector does, so that exporting spans costs the service what it costs in production. */
async function startSpanReceiver(): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return server
}

function endpointOf(receiver: Server): Record<string, string> {
  const { port } = receiver.address() as AddressInfo
  return { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` }
}

/** Resources by their settings. They are kept until all are released together. */
function keptBySettings<Settings, Resource extends AsyncDisposable>(
  open: (settings: Settings) => Promise<Resource>,
) {
  const kept = new Map<string, Resource>()
  const keyOf = (settings: Settings) => JSON.stringify(settings) ?? ''
  return {
    holds: (settings: Settings) => kept.has(keyOf(settings)),
    async release() {
      const all = [...kept.values()]
      kept.clear()
      await Promise.all(all.map(resource => resource[Symbol.asyncDispose]()))
    },
    async get(settings: Settings): Promise<Resource> {
      const key = keyOf(settings)
      const known = kept.get(key)
      if (known !== undefined) return known
      const opened = await open(settings)
      kept.set(key, opened)
      return opened
    },
  }
}
