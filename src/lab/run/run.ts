import { availableParallelism } from 'node:os'
import { relative } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Assertion } from '../analysis/assertion.ts'
import type { Circumstances } from '../analysis/diagnosis/case.ts'
import { figureOf } from '../analysis/figures.ts'
import { quoted } from '../arguments.ts'
import { exitCodes, LabError } from '../errors.ts'
import { type Experiment, estimateS, type Step, type Timing } from '../experiments/experiment.ts'
import { openLivePage } from '../live/live-page.ts'
import { createProgress, followedBy } from '../live/progress.ts'
import { generatorChoice, installedGenerators } from '../load/choose.ts'
import type { LoadGenerator } from '../load/generator.ts'
import { leadsHere, requireOwnTarget } from '../load/target-guard.ts'
import { watchSpeed } from '../probes/cpu-speed.ts'
import { busyCores, readHostCpu, stolenShare } from '../probes/host-cpu.ts'
import { type ExperimentResult, type Results, schemaVersion } from '../results.ts'
import { hideSecretsOfUrl, masked, maskedDeep } from '../secrets.ts'
import { holdToAssertions } from './assertions.ts'
import { chooseDatabase } from './database-choice.ts'
import { foreignTestBed, stepsForForeignTarget } from './foreign-target.ts'
import { describeRun, readCommit } from './manifest.ts'
import { openMeasuredSteps } from './measured-steps.ts'
import { createResultsFolder, resumeResultsFolder } from './results-folder.ts'
import { type Planned, runExperiments } from './run-experiments.ts'
import { seeDatabase } from './seen-database.ts'
import { summaryOf } from './summary.ts'
import { ownTestBed, type TestBed } from './test-bed.ts'

export interface RunOptions {
  /** Names the results folder. */
  readonly name: string
  readonly outFolder: string
  /** Replaces the experiments' own timing, as far as given. */
  readonly timing?: Partial<Timing>
  readonly generator?: LoadGenerator['name'] | undefined
  /** Only steps of which one setting has one of these values, such as the name of a stack. */
  readonly only?: readonly string[] | undefined
  /** The results folder of an interrupted run, to go on with it. */
  readonly resume?: string | undefined
  /** A service that someone else runs; without it the lab starts its own. */
  readonly url?: string | undefined
  /** The user confirms that the public address is theirs to load. */
  readonly isOwned?: boolean | undefined
  /** Accept any certificate of the service at `url`. */
  readonly insecure?: boolean | undefined
  /** The server to make a database on, or with `url` that of the service; without it DATABASE_URL. */
  readonly databaseUrl?: string | undefined
  /** A target that the caller has prepared, in place of the lab's own stack, and the command that repeats this. */
  readonly attached?:
    | {
        readonly bed: TestBed
        readonly url: string
        readonly repeat: string
        /** What the reader of the report must know. */
        readonly warnings: readonly string[]
      }
    | undefined
  /** Throws where there is no sense in going on; called with everything measured up to then, which is kept. */
  readonly check?: ((measured: readonly ExperimentResult[]) => void) | undefined
  /** Serve a page on loopback that follows the run. */
  readonly live: boolean
  /** What the figures are held to in the end. */
  readonly assertions?: readonly Assertion[]
  readonly signal: AbortSignal
}

/**
 * A whole run: stack up, experiments, results and report, summary on standard output. Resolves to the exit
 * code: done, assertion failed, or interrupted when the signal fired, with what was measured saved and marked
 * incomplete.
 */
export async function runLab(experiments: readonly Experiment[], options: RunOptions): Promise<number> {
  const { signal, attached } = options
  const url = attached?.url ?? options.url
  const generators = installedGenerators()
  const installed = generators.map(({ name }) => name)
  const choose = generatorChoice(options.generator, generators)
  const plans = experiments.map(experiment => plannedFrom(experiment, options))
  const busyBefore = await hostBusyNow()
  const isHere = url === undefined || (await leadsHere(url))
  const { bed, warnings } = attached ?? (await bedFor(options))

  const resumed = options.resume === undefined ? null : resumeResultsFolder(options.resume)
  const startedAt = resumed?.startedAt ?? new Date()
  const planned = { experiments, totalS: plans.reduce((sum, plan) => sum + expectedS(plan), 0) }
  await using live = options.live ? await openLivePage(planned, startedAt) : null
  if (live !== null) console.log(`live: ${live.url}`)
  const hostBefore = readHostCpu()
  const speed = watchSpeed()
  const commit = readCommit()
  const circumstances = (): Circumstances => ({
    cores: availableParallelism(),
    sharedCores: isHere,
    stealRatio: stolenShare(hostBefore, readHostCpu()),
    speedSpread: speed.spread(),
  })
  let measured: readonly ExperimentResult[] = []
  const manifest = () =>
    describeRun({
      ...circumstances(),
      commit,
      postgres: bed.postgresVersion(),
      isPostgresRead: measured.some(({ samples }) =>
        samples.some(({ utilisation }) => utilisation.database !== null),
      ),
      generators: generatorsOf(plans, installed, choose),
      busyBefore,
      fixedWorkUs: figureOf(speed.takenUs()),
      warnings: [...warnings, ...(resumed === null ? [] : [wasInterrupted])],
    })
  const results = (complete: boolean): Results => ({
    ...{ schema: schemaVersion, startedAt: startedAt.toISOString(), complete },
    ...{ manifest: manifest(), experiments: [...measured] },
  })

  const folder = resumed?.folder ?? createResultsFolder(options.outFolder, options.name, startedAt)
  const measuredSteps = openMeasuredSteps(folder.path, plans, options.generator)
  // From here on a run that is killed leaves a result that says so.
  folder.save(results(false))
  const untilThen = [
    `what was measured until then: ${relative('.', folder.reportFile)}`,
    // `attach` and `ab` begin again.
    ...(attached === undefined
      ? [`Go on with the same command and --resume ${quoted(relative('.', folder.path))}`]
      : []),
  ].join('\n')
  const finish = (complete: boolean) => {
    const final = results(complete)
    folder.save(final)
    folder.report(final)
    live?.end(final, folder.reportFile)
  }
  try {
    await using _ = bed
    using progress = followedBy(createProgress(planned.totalS), live)
    await runExperiments(plans, {
      ...{ bed, generatorFor: choose, installed, progress, signal, circumstances, speed },
      onTrouble: (what, log) => folder.keepLog(what, masked(log)),
      keep: folder.keep,
      measuredSteps,
      onResults(experimentsSoFar) {
        measured = maskedDeep(experimentsSoFar)
        const soFar = results(false)
        folder.save(soFar)
        live?.show(soFar)
        options.check?.(measured)
      },
    })
  } catch (error) {
    finish(false)
    if (!signal.aborted) {
      if (measured.length > 0) console.log(`\n${untilThen}`)
      throw error
    }
    console.log(`\ninterrupted; ${untilThen}`)
    return exitCodes.interrupted
  }
  finish(true)
  console.log(`\n${summaryOf(measured)}\n\nreport: ${relative('.', folder.reportFile)}`)
  const { assertions = [] } = options
  return assertions.length === 0 ? exitCodes.done : holdToAssertions(assertions, measured, folder.path)
}

const wasInterrupted =
  'The run was interrupted and continued: its machine facts are those of the continuation.'

function expectedS({ experiment, steps, timing, confirms }: Planned): number {
  const { search } = experiment
  return estimateS({ steps, timing, confirms, ...(search && { search }) })
}

function plannedFrom(experiment: Experiment, options: RunOptions): Planned {
  const { timing: changes, url, generator, attached, only } = options
  const timing = { ...experiment.timing, ...changes }
  const chosen = only === undefined ? experiment.steps : stepsWith(only, experiment)
  const steps = url === undefined ? chosen : stepsForForeignTarget(chosen)
  const confirms = url === undefined && attached === undefined && (experiment.confirms ?? false)
  const command = [
    ...['npm run lab -- run', experiment.name],
    ...['--duration', timing.durationS, '--repeats', timing.repeats],
    ...(url === undefined ? [] : ['--url', masked(url), ...(options.insecure ? ['--insecure'] : [])]),
    ...(generator === undefined ? [] : ['--generator', generator]),
    ...(only ?? []).flatMap(value => ['--only', quoted(value)]),
  ]
  return { experiment, steps, timing, confirms, repeat: attached?.repeat ?? command.join(' ') }
}

/** Throws LAB_USAGE where no step has one of the values, and names those that there are. */
function stepsWith(values: readonly string[], { name, steps }: Experiment): readonly Step[] {
  const valuesOf = ({ knobs }: Step) => Object.values(knobs).map(String)
  const all = new Set(steps.flatMap(valuesOf))
  const unknown = values.find(value => !all.has(value))
  if (unknown === undefined) return steps.filter(step => valuesOf(step).some(value => values.includes(value)))
  throw new LabError(
    'LAB_USAGE',
    `no setting of ${name} has the value "${unknown}"`,
    `There are: ${[...all].join('; ')}.`,
  )
}

function generatorsOf(
  plans: readonly Planned[],
  installed: readonly LoadGenerator['name'][],
  choose: ReturnType<typeof generatorChoice>,
): string[] {
  const used = plans.flatMap(({ steps }) =>
    steps.flatMap(step => {
      if (step.generator !== undefined && !installed.includes(step.generator)) return []
      const { name, version } = choose(step)
      return `${name} ${version}`
    }),
  )
  return [...new Set(used)]
}

/** Prints which database the run uses before it opens it. */
async function bedFor(options: RunOptions): Promise<{ bed: TestBed; warnings: readonly string[] }> {
  const { url, databaseUrl, isOwned = false, insecure = false } = options
  for (const one of [url, databaseUrl, process.env['DATABASE_URL']]) hideSecretsOfUrl(one ?? '')
  if (url !== undefined && !isOwned) await requireOwnTarget(url)
  const database = await chooseDatabase(databaseUrl, url === undefined ? 'fill' : 'read')
  console.log(database.says)
  if (url === undefined) return { bed: ownTestBed(database.url), warnings: [] }
  const seen = database.url === null ? null : await seeDatabase(database.url, '--database-url')
  const warnings = seen?.unavailable ?? []
  for (const sentence of warnings) console.log(sentence)
  return { bed: await foreignTestBed(url, seen, insecure), warnings }
}

const preflightMs = 500

/** Share of the host that other work takes, 0 … 1; null where the host does not say. */
async function hostBusyNow(): Promise<number | null> {
  const before = readHostCpu()
  await pause(preflightMs)
  const cores = availableParallelism()
  const busy = busyCores(before, readHostCpu(), cores)
  return busy === null ? null : busy / cores
}
