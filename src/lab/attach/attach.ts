import { exitCodeOf, LabError } from '../errors.ts'
import { ledgerProcesses } from '../inside/ledger-pages.ts'
import { profilerOfRunning } from '../inside/running-profiler.ts'
import { type StartedService, startWithLedger } from '../inside/started-service.ts'
import { requireSuccess } from '../load/first-request.ts'
import type { LoadGenerator, LoadPlan } from '../load/generator.ts'
import { requireOwnTarget } from '../load/target-guard.ts'
import type { RequestTemplate } from '../load/templates.ts'
import { fixedBed } from '../run/fixed-bed.ts'
import { type RunOptions, runLab } from '../run/run.ts'
import { seeDatabase } from '../run/seen-database.ts'
import { hideSecretsOfRequest, hideSecretsOfUrl } from '../secrets.ts'
import type { Profiler } from '../stack/programs.ts'
import { attachExperiment, troubleIn } from './attach-experiment.ts'
import { type Found, nameOf } from './listening-process.ts'
import { readScenario } from './scenario.ts'
import { type ProcessName, targetProcesses } from './target-process.ts'

export interface AttachOptions extends ProcessName, Pick<RunOptions, 'outFolder' | 'live' | 'signal'> {
  readonly url: string
  /** A file of requests; wins over `request`. */
  readonly scenario?: string | undefined
  readonly request: RequestTemplate
  /** Headers that have no secret name may be written into the results. */
  readonly showHeaders: boolean
  /** How the load connects. */
  readonly connection: Pick<LoadPlan, 'insecure' | 'timeoutS'>
  readonly databaseUrl?: string | undefined
  /** Starts the service; without it the service runs already. */
  readonly start?: string | undefined
  /** The folder in which `start` runs. */
  readonly cwd: string
  /** A running service may be profiled. One that `start` started always is. */
  readonly inspect: boolean
  readonly durationS: number
  readonly repeats: number
  readonly maxConnections: number
  readonly maxRatePerS: number
  readonly p99Ms: number
  /** Share of failed requests, 0 … 1, past which no more load is sent. */
  readonly maxErrors: number
  readonly generator?: LoadGenerator['name'] | undefined
  /** The user says that a public address is theirs to load. */
  readonly isOwned: boolean
  /** The command that repeats it. */
  readonly repeat: string
}

/**
 * Loads a service that is not the lab's own, and diagnoses it as one of ours. Resolves to the exit code. Throws
 * LAB_TARGET where the target may not or need not be loaded, and where it fails under load; what was measured
 * until then is kept and reported.
 */
export function attach(options: AttachOptions): Promise<number> {
  return exitCodeOf(options.signal, () => attachTo(options))
}

async function attachTo(options: AttachOptions): Promise<number> {
  const { url, connection, signal, maxErrors } = options
  for (const one of [url, options.databaseUrl ?? '']) hideSecretsOfUrl(one)
  if (!options.isOwned) await requireOwnTarget(url)
  const requests = options.scenario === undefined ? [options.request] : await readScenario(options.scenario)
  for (const one of requests) hideSecretsOfRequest(one, options.showHeaders)
  const [first = options.request] = requests
  await using started =
    options.start === undefined
      ? null
      : await startWithLedger({ command: options.start, folder: options.cwd, url, signal })
  const processes = await processesOf(options, started)
  const pids = 'pids' in processes ? processes.pids : []
  const unknown = 'pids' in processes ? null : cpuUnknown(processes.unknownBecause)
  console.log(unknown ?? `service: ${pids.map(nameOf).join(', ')}`)
  const database =
    options.databaseUrl === undefined ? null : await seeDatabase(options.databaseUrl, '--database')
  const unavailable = database?.unavailable ?? [postgresNotNamed]
  for (const sentence of unavailable) console.log(sentence)
  const ledgerUrls = async () => {
    const found = await ledgerProcesses(pids, url)
    return found.map(({ metricsUrl }) => metricsUrl)
  }
  const profiled = profilerFor(options, started, pids)
  const [profiler, notProfiled] = typeof profiled === 'string' ? [null, profiled] : [profiled, null]
  if (notProfiled !== null) console.log(notProfiled)
  const target = {
    url,
    connection,
    adminUrl: null,
    profiler,
    apiPids: pids,
    databasePid: database?.pid ?? null,
    databaseUrl: database?.url ?? null,
    isNew: started !== null,
    log: () => started?.log() ?? '',
    ...(started !== null && { ledgerUrls }),
  }
  const requireAnswer = () => requireSuccess(url, first, signal, connection)
  const bed = fixedBed({
    target,
    async before() {
      try {
        await requireAnswer()
      } catch (error) {
        await started?.requireRunning()
        throw error
      }
    },
  })
  const experiment = attachExperiment({
    ...options,
    ...{ target: new URL(url).host, requests, baseUrl: url, cpuUnknown: unknown },
    profile: profiler !== null,
    timing: {
      processWarmupS: started === null ? 0 : processWarmupS,
      warmupS: 1,
      durationS: options.durationS,
      repeats: options.repeats,
    },
  })
  await requireAnswer()
  return await runLab([experiment], {
    name: 'attach',
    outFolder: options.outFolder,
    generator: options.generator,
    live: options.live,
    signal,
    attached: {
      ...{ bed, url, repeat: options.repeat },
      warnings: [unknown, notProfiled, ...unavailable].filter(one => one !== null),
    },
    check(measured) {
      const trouble = troubleIn(
        measured.flatMap(({ samples }) => samples),
        maxErrors,
      )
      if (trouble === null) return
      throw new LabError(
        'LAB_TARGET',
        `stopped: ${trouble.what}`,
        `What was measured until then is kept. ${trouble.remedy}`,
      )
    },
  })
}

/** Of a service that was started: who listens at the URL, or if that is not certain all that was started. */
async function processesOf(options: AttachOptions, started: StartedService | null): Promise<Found> {
  const found = await targetProcesses(options, options.url)
  return 'pids' in found || started === null ? found : { pids: [started.pid] }
}

/** The profiler, or why there is none, as a sentence; null: none was asked for. */
function profilerFor(
  { inspect, url }: AttachOptions,
  started: StartedService | null,
  pids: readonly number[],
): Profiler | string | null {
  if (started === null) return inspect ? profilerOfRunning(pids) : null
  const busiest = async () => {
    const found = await ledgerProcesses(pids, url)
    return found.toSorted((a, b) => b.cpuUs - a.cpuUs)[0]?.pid ?? null
  }
  return { kind: 'inspector', pid: busiest }
}

const postgresNotNamed =
  'PostgreSQL was not read. If the service uses one, name its server with --database postgresql://…'

/** A new process compiles its code while the first requests come. */
const processWarmupS = 3

function cpuUnknown(because: string): string {
  return `CPU of the service is unknown, because ${because}. Name its process with --pid.`
}
