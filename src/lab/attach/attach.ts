import { LabError } from '../errors.ts'
import type { LoadGenerator } from '../load/generator.ts'
import type { RequestTemplate } from '../load/templates.ts'
import { type RunOptions, runLab } from '../run/run.ts'
import { attachExperiment, troubleIn } from './attach-experiment.ts'
import { attachedBed } from './attached-bed.ts'
import { seeDatabase } from './database-process.ts'
import { requireSuccess } from './first-request.ts'
import { readScenario } from './scenario.ts'
import { requireOwnTarget } from './target-guard.ts'
import { type ProcessName, targetProcess } from './target-process.ts'

export interface AttachOptions extends ProcessName, Pick<RunOptions, 'outFolder' | 'live' | 'signal'> {
  readonly url: string
  /** A file of requests; wins over `request`. */
  readonly scenario?: string | undefined
  readonly request: RequestTemplate
  readonly databaseUrl?: string | undefined
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
 * Loads a service that the lab did not start, and diagnoses it as one of ours. Resolves to the exit code. Throws
 * LAB_TARGET where the target may not or need not be loaded, and where it fails under load; what was measured
 * until then is kept and reported.
 */
export async function attach(options: AttachOptions): Promise<number> {
  const { url, signal, maxErrors } = options
  if (!options.isOwned) await requireOwnTarget(url)
  const requests = options.scenario === undefined ? [options.request] : await readScenario(options.scenario)
  const [first = options.request] = requests
  const baseUrl = url.replace(/\/+$/, '')
  const database = options.databaseUrl === undefined ? null : await seeDatabase(options.databaseUrl)
  for (const lack of database?.lacks ?? []) console.log(lack)
  const target = {
    url: baseUrl,
    adminUrl: null,
    profiler: null,
    apiPid: targetProcess(options, url),
    databasePid: database?.pid ?? null,
    databaseUrl: database?.url ?? null,
    isNew: false,
    log: () => '',
  }
  const bed = attachedBed(target, first, signal)
  const experiment = attachExperiment({
    ...options,
    ...{ target: new URL(url).host, requests },
    timing: { breakInS: 0, warmupS: 1, durationS: options.durationS, repeats: options.repeats },
  })
  await requireSuccess(baseUrl, first, signal)
  return runLab([experiment], {
    name: 'attach',
    timing: {},
    assertions: [],
    outFolder: options.outFolder,
    generator: options.generator,
    live: options.live,
    signal,
    attached: { bed, url: baseUrl, repeat: options.repeat, warnings: database?.lacks ?? [] },
    check(measured) {
      const trouble = troubleIn(
        measured.flatMap(({ samples }) => samples),
        maxErrors,
      )
      if (trouble === null) return
      throw new LabError(
        'LAB_TARGET',
        `stopped: ${trouble}`,
        'What was measured until then is kept. Find the first error in the log of the service; --max-errors tolerates more.',
      )
    },
  })
}
