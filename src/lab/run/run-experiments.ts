import { scalingOf } from '../analysis/scaling.ts'
import type { Circumstances } from '../analysis/verdict/case.ts'
import { judge } from '../analysis/verdict.ts'
import {
  confirmingRepeats,
  type Experiment,
  labelOf,
  processKeyOf,
  type Step,
  type Timing,
} from '../experiments/experiment.ts'
import type { LoadGenerator } from '../load/generator.ts'
import type { ExperimentResult, Sample, Verdict } from '../results.ts'
import { confirmationOf, turnOf } from './intervention.ts'
import { generatorOf, runStep, type StepContext } from './run-step.ts'
import { type Profiled, sampleOf } from './sample.ts'
import { shuffledInGroups } from './shuffle.ts'

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

export interface RunContext extends StepContext {
  readonly installed: readonly LoadGenerator['name'][]
  readonly circumstances: () => Circumstances
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
    const next = experiment.search?.next(samplesOf(plan, measured, context)) ?? null
    if (next === null) break
    // A search may ask for one more measurement of a step that has been measured.
    const known = [...measured.keys()].find(step => labelOf(step) === labelOf(next))
    await measureAndSave([known ?? next], searchTiming(plan))
  }
  const result = resultOf(plan, measured, context)
  save(result)
  if (!plan.confirms || result.verdict.confirmed !== null) return result
  const confirmed = await confirm(plan, measured, result.verdict, context)
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
      observed(step, await runStep(step, { experiment: experiment.name, timing, repeat }, context))
    }
  }
}

/** Turns the accused knob one step and measures both settings in turn. null: there is nothing to turn. */
async function confirm(
  plan: Possible,
  measured: ReadonlyMap<Step, Measured>,
  { limit, accused }: Verdict,
  context: RunContext,
): Promise<Verdict['confirmed']> {
  const step = [...measured.keys()].find(one => labelOf(one) === accused)
  if (step === undefined) return null
  const generator = generatorOf(step, context).name
  const turn = turnOf(limit, step, { generator, installed: context.installed })
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
