import { availableParallelism } from 'node:os'
import { scalingOf } from '../analysis/scaling.ts'
import type { Circumstances } from '../analysis/verdict/case.ts'
import { judge } from '../analysis/verdict.ts'
import { number } from '../analysis/wording.ts'
import {
  closed,
  type Experiment,
  estimateS,
  labelOf,
  processKeyOf,
  type Step,
  type Timing,
} from '../experiments/experiment.ts'
import { autocannonGenerator } from '../load/autocannon.ts'
import type { Need } from '../load/choose.ts'
import type { LoadGenerator } from '../load/generator.ts'
import type { SpeedWatch } from '../probes/cpu-speed.ts'
import type { ExperimentResult } from '../results.ts'
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
  /** The command that repeats it. */
  readonly repeat: string
}

export interface RunContext {
  readonly bed: TestBed
  readonly generatorFor: (need: Need) => LoadGenerator
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
 * Runs the experiments one after the other: every repeat visits all steps in an order shuffled anew, on
 * service processes started in that repeat (one for all steps that need the same), so that drift of the
 * machine and the luck of one process show as spread, not as a difference between steps. Rejects with the signal's reason when that fires; what was
 * measured until then has been handed to `onResults`.
 */
export async function runExperiments(plans: readonly Planned[], context: RunContext): Promise<void> {
  const finished: ExperimentResult[] = []
  for (const planned of plans) {
    context.progress.say(`${planned.experiment.name}: ${planned.experiment.question}`)
    const plan = await withoutLacking(planned, context)
    const observations = new Map<Step, Profiled[]>()
    const result = () => resultOf(plan, observations, context)
    for (let repeat = 1; repeat <= plan.timing.repeats; repeat++) {
      await context.bed.retire()
      for (const step of shuffledInGroups(plan.steps, processKeyOf)) {
        const observation = await runStep(plan, step, repeat, context)
        observations.set(step, [...(observations.get(step) ?? []), observation])
        context.onResults([...finished, result()])
      }
    }
    finished.push(result())
    if (plan.steps.length === 0) context.onResults(finished)
  }
}

/** A plan, and why some of its steps are left out. */
interface Possible extends Planned {
  readonly skipped: readonly string[]
}

/** The plan with the steps that can be taken here: a program may want what is not installed. */
async function withoutLacking(plan: Planned, { bed, progress }: RunContext): Promise<Possible> {
  const lacks = new Map<Step, string>()
  for (const step of plan.steps) {
    const lack = await bed.lackOf(step, line => progress.say(line))
    if (lack !== null) lacks.set(step, lack)
  }
  const skipped = [...new Set(lacks.values())].map(lack => {
    const variants = [...lacks].filter(([, why]) => why === lack).map(([{ variant }]) => variant)
    return `Skipped ${[...new Set(variants)].join(', ')}: ${lack}`
  })
  for (const line of skipped) progress.say(line)
  return { ...plan, steps: plan.steps.filter(step => !lacks.has(step)), skipped }
}

async function runStep(
  { experiment, timing }: Planned,
  step: Step,
  repeat: number,
  { bed, generatorFor, progress, signal, speed, onTrouble, keep }: RunContext,
): Promise<Profiled> {
  signal.throwIfAborted()
  const name = `${experiment.name}: ${labelOf(step)} (${repeat} of ${timing.repeats})`
  let target = await bed.prepare(step)
  if (target.isNew) {
    progress.begin(`${experiment.name}: breaking in ${step.variant}`, timing.breakInS)
    await breakIn(target, step, timing.breakInS, signal)
    progress.done(`${experiment.name}: broke in ${step.variant}`)
    target = await bed.prepare(step)
  }
  progress.begin(name, estimateS({ steps: [step], timing: { ...timing, breakInS: 0, repeats: 1 } }))
  speed.sample()
  const generator = generatorFor({ ceiling: step.ceiling ?? false })
  const plan = {
    baseUrl: target.url,
    requests: step.requests,
    shape: step.load,
    warmupS: timing.warmupS,
    durationS: timing.durationS,
  }
  using _ = await scrapingOf(target, step)
  const observation = await observe(target, generator, plan, {
    signal,
    cores: availableParallelism(),
    reportedCpu: step.reportedCpu,
    onLive: ratePerS => progress.live(ratePerS),
  })
  if (observation.load.failed > 0) onTrouble(name, target.log())
  const profile = step.profile ? await profileStep(target, generator, plan, signal) : null
  progress.done(`${name}: ${outcomeOf(observation)}`)
  if (profile === null) return observation
  const file = `${experiment.name}-${labelOf(step).replaceAll(/[^\w.]+/g, '-')}-${repeat}.${profile.ending}`
  keep(file, profile.file)
  return { ...observation, profile: { ...profile.layers, file } }
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
  { experiment, steps, timing, repeat, skipped }: Possible,
  observations: ReadonlyMap<Step, readonly Profiled[]>,
  { generatorFor, circumstances }: RunContext,
): ExperimentResult {
  const samples = steps.flatMap(step => {
    const seen = observations.get(step)
    const generator = generatorFor({ ceiling: step.ceiling ?? false })
    return seen === undefined ? [] : [sampleOf(step, generator, timing.durationS, seen)]
  })
  const { answer, judgedAgain = verdict => verdict, ...trial } = experiment.conclude(samples)
  const { name, question, hypothesis, finding } = experiment
  const scaling = scalingOf(samples)
  return {
    name,
    question,
    hypothesis,
    finding,
    repeat,
    answer: [answer, ...skipped].join(' '),
    samples,
    verdict: judgedAgain(judge(trial, circumstances())),
    ...(scaling.length > 0 && { scaling }),
  }
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
