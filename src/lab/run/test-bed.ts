import { setTimeout as pause } from 'node:timers/promises'
import type { Step } from '../experiments/experiment.ts'
import type { LoadPlan } from '../load/generator.ts'
import type { Profiler } from '../probes/profiler.ts'
import { metricsUrls, readMetrics } from '../probes/service-metrics.ts'
import { type CpuLimit, cpuLimitKind, limitCpu } from '../stack/cpu-limit.ts'
import { canGiveOwnCore } from '../stack/own-core.ts'
import { createPrograms, type Program } from '../stack/programs.ts'
import { type Database, openDatabase } from './database.ts'
import { type SpanSink, startSpanSink } from './span-sink.ts'

/** What a step is measured on. null: not ours to see. */
export interface Target {
  readonly url: string
  /** How to connect to a service that is not ours. */
  readonly connection?: Pick<LoadPlan, 'insecure' | 'timeoutS'>
  /** Of a service with our admin port. */
  readonly adminUrl: string | null
  readonly profiler: Profiler | null
  readonly apiPid: number | null
  /** More of it that are not below that one. */
  readonly otherApiPids?: readonly number[]
  /** What the lab's own CPU limit has kept the service from running so far, us; null: it is not held by one. */
  readonly throttledUs?: () => number | null
  readonly databasePid: number | null
  /** Where the database can be asked for its statistics. */
  readonly databaseUrl: string | null
  /** Has served no load yet, so V8 has compiled nothing for it. */
  readonly isNew: boolean
  /** The newest output of PostgreSQL and of the service; empty where it is not ours to see. */
  log(): string
}

/** Brings up what a step asks for, and takes it down again. */
export interface TestBed extends AsyncDisposable {
  /** Why the step cannot be taken here, in one line, or null; `say` is told of what takes long to get. */
  lackOf(step: Step, say: (line: string) => void): Promise<string | null>
  /**
   * Gives the step's target, set up as it asks, tables empty but for its seed.
   *
   * @param company what becomes of the services of other steps: ended, or left running
   */
  prepare(step: Step, company?: 'alone' | 'beside the others'): Promise<Target>
  /** The next `prepare` starts a new service process: a repeat must not inherit the last one's warm code. */
  retire(): Promise<void>
  /** Version of PostgreSQL, or null while none has been needed or where it is not ours. */
  postgresVersion(): string | null
}

/**
 * The lab's own stack: one PostgreSQL (a database on the server of `databaseUrl`, if that is given), one service at a time unless a step asks for one beside it, a span sink
 * where asked for. A step whose environment equals that of a running service finds it warm; a step with other
 * settings of PostgreSQL ends them all.
 */
export function ownTestBed(databaseUrl: string | null): TestBed {
  const databases = keptBySettings<Step['postgres'], Database>(settings =>
    openDatabase(databaseUrl, settings),
  )
  let postgresVersion: string | null = null
  const sinks = keptBySettings<undefined, SpanSink>(startSpanSink)
  const programs = createPrograms()
  const services = keptBySettings<ServiceSettings, Service>(async ({ program, cores, ...options }) => {
    const started = await programs.start(program, options)
    return heldTo(cores, started)
  })
  return {
    async lackOf({ program, serviceCores, ownCore = false, postgres = {} }, say) {
      if (serviceCores !== undefined && cpuLimitKind() === null) {
        return 'nothing here can hold a process to a part of a core (no writable cgroup, no /proc)'
      }
      if (ownCore && !canGiveOwnCore()) {
        return 'nothing here can give the service a core to itself (that takes two cores, Linux, and its `taskset`)'
      }
      const [setting] = Object.keys(postgres)
      if (setting !== undefined && databaseUrl !== null) {
        return `the server that was named is not the lab's to set up (${setting}); without one the lab starts its own`
      }
      return programs.lackOf(program, say)
    },
    async prepare(step, company = 'alone') {
      if (!databases.holds(step.postgres)) {
        await services.release()
        await databases.release()
      }
      const { url: ownUrl, pid: databasePid, version, ...server } = await databases.get(step.postgres)
      postgresVersion = version
      const spans = step.spanSink ? { OTEL_EXPORTER_OTLP_ENDPOINT: (await sinks.get(undefined)).url } : {}
      const env = { ...spans, ...step.service }
      const settings = { program: step.program, databaseUrl: ownUrl, env, cores: step.serviceCores ?? null }
      const isNew = !services.holds(settings)
      if (company === 'alone' && isNew) await services.release()
      const { url, adminUrl, profiler, pid, log, throttledUs } = await services.get(settings)
      await server.reset(step.seed ?? [])
      return {
        url,
        adminUrl,
        profiler,
        apiPid: pid,
        throttledUs,
        databasePid,
        databaseUrl: ownUrl,
        isNew,
        log: () => `${log()}\n${server.log()}`,
      }
    },
    retire: () => services.release(),
    postgresVersion: () => postgresVersion,
    async [Symbol.asyncDispose]() {
      await services.release()
      await sinks.release()
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
}

type Service = Program & Pick<CpuLimit, 'throttledUs'> & AsyncDisposable

/** The program once all of its workers serve, and held to its cores, if to any. */
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

/** The service is ready with its first worker; the others start while that one serves, and would be measured. */
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

/** Resources by the settings they were opened with, kept until they are released, all at once. */
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
