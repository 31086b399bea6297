import { availableParallelism } from 'node:os'
import { scalingOf } from '../analysis/scaling.ts'
import type { Circumstances } from '../analysis/verdict/case.ts'
import { judge } from '../analysis/verdict.ts'
import { number } from '../analysis/wording.ts'
import {
  closed,
  confirmingRepeats,
  type Experiment,
  estimateS,
  labelOf,
  processKeyOf,
  type Step,
  type Timing,
} from '../experiments/experiment.ts'
import { autocannonGenerator } from '../load/autocannon.ts'
import type { Need } from '../load/choose.ts'
import { type LoadGenerator, rampS } from '../load/generator.ts'
import type { SpeedWatch } from '../probes/cpu-speed.ts'
import type { ExperimentResult, Sample, Verdict } from '../results.ts'
import { confirmationOf, turnOf } from './intervention.ts'
import { type Observation, observe, requestsServed } from './observe.ts'
import { profileStep } from './profile-step.ts'
import type { Progress } from './progress.ts'
import { type Profiled, sampleOf } from './sample.ts'
import { startScraping } from './scraping.ts'
import { shuffledInGroups } from './shuffle.ts'
import type { Target, TestBed } from './test-bed.ts'

/** One experiment as it will be run: its own timing, or what the command line made of it. */
export interface Planned {
  readonly experiment: Experiment
  readonly steps: readonly Step[]
  readonly timing: Timing
  /** Whether a verdict is put to the proof by turning the accused knob; a foreign target has none to turn. */
  readonly confirms: boolean
  /** The command that repeats it. */
  readonly repeat: string
}

export interface RunContext {
  readonly bed: TestBed
  readonly generatorFor: (need: Need) => LoadGenerator
  readonly installed: readonly LoadGenerator['name'][]
  readonly progress: Progress
  readonly signal: AbortSignal
  readonly circumstances: () => Circumstances
  readonly speed: SpeedWatch
  /** Called with the newest output of the service after a step in which requests failed. */
  readonly onTrouble: (what: string, log: string) => void
  /** Keeps a file beside the results. */
  readonly keep: (name: string, content: string | Uint8Array) => void
  /** Called after every observation with everything measured up to then. */
  readonly onResults: (experiments: readonly ExperimentResult[]) => void
}

/**
 * Runs the experiments one after the other. Rejects with the signal's reason when that fires; what was
 * measured until then has been handed to `onResults`.
 */
export async function runExperiments(plans: readonly Planned[], context: RunContext): Promise<void> {
  const finished: ExperimentResult[] = []
  for (const planned of plans) {
    context.progress.say(`${planned.experiment.name}: ${planned.experiment.question}`)
    const plan = await withoutLacking(planned, context)
    const save = (result: ExperimentResult) => context.onResults([...finished, result])
    finished.push(await runExperiment(plan, context, save))
  }
}

/** A plan, and why some of its steps are left out. */
interface Possible extends Planned {
  readonly skipped: readonly string[]
}

/** The plan with the steps that can be taken here: a program may want what is not installed. */
async function withoutLacking(plan: Planned, { bed, progress, installed }: RunContext): Promise<Possible> {
  const lacks = new Map<Step, string>()
  for (const step of plan.steps) {
    const lack = generatorLack(step, installed) ?? (await bed.lackOf(step, line => progress.say(line)))
    if (lack !== null) lacks.set(step, lack)
  }
  const skipped = [...new Set(lacks.values())].map(lack => {
    const variants = [...lacks].filter(([, why]) => why === lack).map(([{ variant }]) => variant)
    return `Skipped ${[...new Set(variants)].join(', ')}: ${lack}`
  })
  for (const line of skipped) progress.say(line)
  return { ...plan, steps: plan.steps.filter(step => !lacks.has(step)), skipped }
}

function generatorLack({ generator }: Step, installed: RunContext['installed']): string | null {
  return generator === undefined || installed.includes(generator) ? null : `${generator} is not installed`
}

/** Its steps, what its search asks for beyond them, and the proof of its verdict. */
async function runExperiment(
  plan: Possible,
  context: RunContext,
  save: (result: ExperimentResult) => void,
): Promise<ExperimentResult> {
  const { experiment, steps, timing } = plan
  const measured = new Map<Step, Measured>()
  const measureAndSave = (some: readonly Step[], someTiming: Timing) =>
    measure(plan, some, someTiming, context, (step, observation) => {
      const { observations } = measured.get(step) ?? { observations: [] }
      measured.set(step, { timing: someTiming, observations: [...observations, observation] })
      save(resultOf(plan, measured, context))
    })

  await measureAndSave(steps, timing)
  for (let asked = 0; asked < (experiment.search?.atMost ?? 0); asked++) {
    const step = experiment.search?.next(samplesOf(plan, measured, context)) ?? null
    if (step === null) break
    await measureAndSave([step], searchTiming(plan))
  }
  const result = resultOf(plan, measured, context)
  save(result)
  if (!plan.confirms || result.verdict.confirmed !== null) return result
  const confirmed = await confirm(plan, measured, result, context)
  const proven = resultOf(plan, measured, context, confirmed)
  save(proven)
  return proven
}

/** What was seen of one step so far. */
interface Measured {
  readonly timing: Timing
  readonly observations: readonly Profiled[]
}

/** A longer run is asked for the sake of the steps that are known beforehand; a search stays affordable. */
function searchTiming({ timing, experiment }: Planned): Timing {
  return { ...timing, durationS: Math.min(timing.durationS, experiment.timing.durationS) }
}

/**
 * Every repeat visits all steps in an order shuffled anew, on service processes started in that repeat (one
 * for all steps that need the same), so that drift of the machine and the luck of one process show as
 * spread, not as a difference between steps.
 */
async function measure(
  { experiment }: Pick<Planned, 'experiment'>,
  steps: readonly Step[],
  timing: Timing,
  context: RunContext,
  observed: (step: Step, observation: Profiled) => void,
): Promise<void> {
  for (let repeat = 1; repeat <= timing.repeats; repeat++) {
    await context.bed.retire()
    for (const step of shuffledInGroups(steps, processKeyOf)) {
      observed(step, await runStep({ experiment, timing }, step, repeat, context))
    }
  }
}

/** Turns the accused knob one step and measures both settings in turn. null: there is nothing to turn. */
async function confirm(
  plan: Possible,
  measured: ReadonlyMap<Step, Measured>,
  { samples, verdict }: ExperimentResult,
  context: RunContext,
): Promise<Verdict['confirmed']> {
  const accused = plan.experiment.conclude(samples, context.circumstances()).accused?.label
  const step = [...measured.keys()].find(one => labelOf(one) === accused)
  if (step === undefined) return null
  const generator = generatorOf(step, context).name
  const turn = turnOf(verdict.limit, step, { generator, installed: context.installed })
  if (turn === null) return null
  const before = { ...step, variant: `${step.variant}, again` }
  const after = { ...turn.step, variant: `${step.variant}, ${turn.turned}` }
  const ratesPerS = new Map<Step, number[]>([
    [before, []],
    [after, []],
  ])
  const timing = { ...plan.timing, repeats: Math.max(confirmingRepeats, plan.timing.repeats) }
  await measure(plan, [before, after], timing, context, (one, { load }) => {
    ratesPerS.get(one)?.push(load.succeeded / load.durationS)
  })
  return confirmationOf(turn.turned, ratesPerS.get(before) ?? [], ratesPerS.get(after) ?? [])
}

async function runStep(
  { experiment, timing }: Pick<Planned, 'experiment' | 'timing'>,
  step: Step,
  repeat: number,
  context: RunContext,
): Promise<Profiled> {
  const { bed, progress, signal, speed, onTrouble, keep } = context
  signal.throwIfAborted()
  const name = `${experiment.name}: ${labelOf(step)} (${repeat} of ${timing.repeats})`
  let target = await bed.prepare(step)
  if (target.isNew) {
    progress.begin(`${experiment.name}: breaking in ${step.variant}`, timing.breakInS)
    await breakIn(target, step, timing.breakInS, signal)
    progress.done(`${experiment.name}: broke in ${step.variant}`)
    target = await bed.prepare(step)
  }
  const once = { ...timing, breakInS: 0, repeats: 1 }
  progress.begin(name, estimateS({ steps: [step], timing: once }))
  speed.sample()
  const generator = generatorOf(step, context)
  const plan = {
    baseUrl: target.url,
    requests: step.requests,
    shape: step.load,
    warmupS: timing.warmupS + rampS(step.load),
    durationS: timing.durationS,
  }
  using _ = await scrapingOf(target, step)
  const observation = await observe(target, generator, plan, {
    signal,
    cores: availableParallelism(),
    reportedCpu: step.reportedCpu,
    onLive: ratePerS => progress.live(ratePerS),
  })
  const failed = observation.load.failed > 0
  if (failed) onTrouble(name, target.log())
  const complaint = failed ? newestComplaint(target.log()) : null
  const profile = step.profile ? await profileStep(target, generator, plan, signal) : null
  progress.done(`${name}: ${outcomeOf(observation)}`)
  const seen = { ...observation, ...(complaint !== null && { complaint }) }
  if (profile === null) return seen
  const file = `${experiment.name}-${labelOf(step).replaceAll(/[^\w.]+/g, '-')}-${repeat}.${profile.ending}`
  keep(file, profile.file)
  return { ...seen, profile: { ...profile.layers, file } }
}

function generatorOf({ ceiling = false, generator }: Step, { generatorFor }: RunContext): LoadGenerator {
  return generatorFor({ ceiling, generator })
}

function scrapingOf({ adminUrl }: Target, { scrapeEveryS }: Step): Promise<Disposable> | undefined {
  return adminUrl === null || scrapeEveryS === undefined ? undefined : startScraping(adminUrl, scrapeEveryS)
}

const breakInConnections = 64

/**
 * Loads a new process until V8 has compiled what is hot. Its compiler works on helper threads, and their CPU
 * counts as the service's: over the first 60,000 inserts it was measured at 20 us each, on top of 100, and a
 * lone client takes a minute to send so many. So the load is the step's requests, but from many connections
 * and the cheapest generator.
 */
async function breakIn(
  target: Target,
  { requests }: Step,
  durationS: number,
  signal: AbortSignal,
): Promise<void> {
  if (durationS === 0) return
  const plan = { baseUrl: target.url, requests, shape: closed(breakInConnections), warmupS: 0, durationS }
  await autocannonGenerator.run(plan, { signal, onLive: () => {}, onWindow: () => {} })
}

function resultOf(
  plan: Possible,
  measured: ReadonlyMap<Step, Measured>,
  context: RunContext,
  confirmed: Verdict['confirmed'] = null,
): ExperimentResult {
  const { experiment, repeat, skipped } = plan
  const { name, question, hypothesis, finding } = experiment
  const circumstances = context.circumstances()
  const samples = samplesOf(plan, measured, context)
  const {
    answer,
    predictedPerS,
    judgedAgain = verdict => verdict,
    ...trial
  } = experiment.conclude(samples, circumstances)
  const verdict = judgedAgain(judge(confirmed === null ? trial : { ...trial, confirmed }, circumstances))
  const measuredPerS = trial.accused?.throughputPerS
  const ceiling = predictedPerS && measuredPerS ? { predictedPerS, measuredPerS } : verdict.ceiling
  const reproduction = experiment.reproduce?.(samples)
  const scaling = scalingOf(samples)
  return {
    ...{ name, question, hypothesis, finding },
    repeat,
    answer: [answer, ...skipped].join(' '),
    samples,
    verdict: { ...verdict, ceiling },
    ...(scaling.length > 0 && { scaling }),
    ...(reproduction !== undefined && { reproduction }),
  }
}

/** In the order of the steps, whatever order they were measured in; those of a search come last. */
function samplesOf(
  { steps }: Pick<Planned, 'steps'>,
  measured: ReadonlyMap<Step, Measured>,
  context: RunContext,
): Sample[] {
  const others = [...measured.keys()].filter(step => !steps.includes(step))
  return [...steps, ...others].flatMap(step => {
    const seen = measured.get(step)
    if (seen === undefined) return []
    const { timing, observations } = seen
    return [sampleOf(step, generatorOf(step, context), timing.durationS, observations)]
  })
}

/** The newest line in which PostgreSQL or the service says what went wrong. */
export function newestComplaint(log: string): string | null {
  const line = log.split('\n').findLast(one => /FATAL|ERROR|"level":(50|60)/.test(one))
  return line === undefined ? null : line.slice(line.search(/FATAL|ERROR|\{/))
}

function outcomeOf(observation: Observation): string {
  const { load, cpuUs } = observation
  const served = requestsServed(observation)
  return [
    `${number(load.succeeded / load.durationS)} requests/s`,
    `p50 ${number(load.latencyMs.p50)} ms`,
    `p99 ${number(load.latencyMs.p99)} ms`,
    ...(cpuUs.api === null || served === 0 ? [] : [`API ${number(cpuUs.api / served)} us`]),
    ...(load.failed > 0 ? [`${number(load.failed)} failed`] : []),
  ].join(', ')
}
