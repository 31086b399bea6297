import { diagnose } from '../analysis/diagnose.ts'
import type { Circumstances } from '../analysis/diagnosis/case.ts'
import { scalingOf } from '../analysis/scaling.ts'
import {
  confirmingRepeats,
  type Experiment,
  labelOf,
  processKeyOf,
  type Step,
  type Timing,
} from '../experiments/experiment.ts'
import type { LoadGenerator } from '../load/generator.ts'
import type { Diagnosis, ExperimentResult, Sample } from '../results.ts'
import { changeOf, confirmationOf } from './intervention.ts'
import type { MeasuredSteps } from './measured-steps.ts'
import { nameOf, type Round, runStep, type StepContext, windowsS } from './run-step.ts'
import { type Profiled, sampleOf } from './sample.ts'

/** One experiment as it will be run: with its own timing, or with that of the command line. */
export interface Planned {
  readonly experiment: Experiment
  readonly steps: readonly Step[]
  readonly timing: Timing
  /** Whether the suspected limit is tested by a change of its setting; a foreign target has no setting of ours. */
  readonly confirms: boolean
  /** The command that repeats it. */
  readonly repeat: string
}

export interface RunContext extends StepContext {
  readonly installed: readonly LoadGenerator['name'][]
  readonly circumstances: () => Circumstances
  /** What an interrupted run has measured already, and where this one keeps what it measures. */
  readonly measuredSteps?: MeasuredSteps
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
    const plan = await onlyAvailable(planned, context)
    const save = (result: ExperimentResult) => context.onResults([...finished, result])
    finished.push(await runExperiment(plan, context, save))
  }
}

/** A plan, and why some of its steps are left out. */
interface Possible extends Planned {
  readonly skipped: readonly string[]
}

/** The plan with the steps that are possible here: a program may need what is not installed. */
async function onlyAvailable(plan: Planned, { bed, progress, installed }: RunContext): Promise<Possible> {
  const unavailable = new Map<Step, string>()
  for (const step of plan.steps) {
    const because =
      generatorUnavailable(step, installed) ??
      (await bed.unavailableBecause(step, line => progress.say(line)))
    if (because !== null) unavailable.set(step, because)
  }
  const skipped = [...new Set(unavailable.values())].map(because => {
    const variants = [...unavailable].filter(([, why]) => why === because).map(([{ variant }]) => variant)
    return `Skipped ${[...new Set(variants)].join(', ')}: ${because}`
  })
  for (const line of skipped) progress.say(line)
  return { ...plan, steps: plan.steps.filter(step => !unavailable.has(step)), skipped }
}

function generatorUnavailable({ generator }: Step, installed: RunContext['installed']): string | null {
  return generator === undefined || installed.includes(generator) ? null : `${generator} is not installed`
}

/** Its steps, those that its search asks for, and the test of its suspected limit. */
async function runExperiment(
  plan: Possible,
  context: RunContext,
  save: (result: ExperimentResult) => void,
): Promise<ExperimentResult> {
  const { experiment, steps, timing } = plan
  const measured: Measured = new Map()
  const measureAndSave = (some: readonly Step[], someTiming: Timing) =>
    measure(plan, some, someTiming, context, measured, () => save(resultOf(plan, measured, context)))

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
  if (!plan.confirms) return result
  const confirmed = await confirm(plan, measured, result.verdict, context)
  const proven = resultOf(plan, measured, context, confirmed)
  save(proven)
  return proven
}

/** What was seen of each step so far. */
type Measured = Map<Step, { readonly timing: Timing; readonly observations: readonly Profiled[] }>

/** `--duration` lengthens the known steps only; a search would take too long. */
function searchTiming({ timing, experiment }: Planned): Timing {
  return { ...timing, durationS: Math.min(timing.durationS, experiment.timing.durationS) }
}

/**
 * Every repeat measures all steps in a new random order, on service processes that were started in that repeat (one
 * for all steps that need the same). So drift of the machine, and differences between two processes of one program,
 * show as spread and not as a difference between steps.
 *
 * @param measured takes what is seen, also while a step is being measured; `changed` is called each time
 */
async function measure(
  { experiment: { name: experiment } }: Planned,
  steps: readonly Step[],
  timing: Timing,
  context: RunContext,
  measured: Measured,
  changed: () => void,
): Promise<void> {
  for (let repeat = 1; repeat <= timing.repeats; repeat++) {
    await context.bed.retire()
    for (const step of shuffledInGroups(steps, processKeyOf)) {
      const { observations: earlier } = measured.get(step) ?? { observations: [] }
      const observed = (seen: readonly Profiled[]) => {
        measured.set(step, { timing, observations: [...earlier, ...seen] })
        changed()
      }
      const which = { experiment, label: labelOf(step), repeat }
      const round = { experiment, timing, repeat, measured: earlier.length }
      const before = context.measuredSteps?.take(which) ?? null
      if (before === null) {
        const seen = await runStep(step, round, context, observed)
        context.measuredSteps?.keep(which, seen)
      } else {
        tellMeasuredBefore(step, round, context)
        observed(before)
      }
    }
  }
}

function tellMeasuredBefore(step: Step, round: Round, { progress, signal }: RunContext): void {
  signal.throwIfAborted()
  const name = nameOf(step, round)
  progress.begin(name, windowsS(step, round))
  progress.done(`${name}: measured before`)
}

/** Changes the setting of the suspected limit one step and measures both settings. null: no setting to change. */
async function confirm(
  plan: Possible,
  measured: Measured,
  { limit, accused: diagnosed }: Diagnosis,
  context: RunContext,
): Promise<Diagnosis['confirmed']> {
  const step = [...measured.keys()].find(one => labelOf(one) === diagnosed)
  if (step === undefined) return null
  const generator = context.generatorFor(step).name
  const change = changeOf(limit, step, { generator, installed: context.installed })
  if (change === null) return null
  // Only their rates are compared, so neither is profiled.
  const before: Step = { ...step, variant: `${step.variant}, again`, profile: false }
  const after: Step = { ...change.step, variant: `${step.variant}, ${change.settings}`, profile: false }
  const timing = { ...plan.timing, repeats: Math.max(confirmingRepeats, plan.timing.repeats) }
  const both: Measured = new Map()
  await measure(plan, [before, after], timing, context, both, () => {})
  const ratesPerS = (one: Step) =>
    (both.get(one)?.observations ?? []).map(({ load }) => load.succeeded / load.durationS)
  return confirmationOf(change.settings, ratesPerS(before), ratesPerS(after))
}

function resultOf(
  plan: Possible,
  measured: Measured,
  context: RunContext,
  confirmed: Diagnosis['confirmed'] = null,
): ExperimentResult {
  const { experiment, repeat, skipped } = plan
  const { name, question, hypothesis, finding = null } = experiment
  const circumstances = context.circumstances()
  const samples = samplesOf(plan, measured, context)
  const { answer, ...input } = experiment.conclude(samples)
  const diagnosis = diagnose(confirmed === null ? input : { ...input, confirmed }, circumstances)
  const reproduction = experiment.reproduce?.(samples)
  const scaling = scalingOf(samples)
  return {
    ...{ name, question, hypothesis, finding },
    repeat,
    answer: [answer, ...skipped].join(' '),
    samples,
    verdict: diagnosis,
    ...(scaling.length > 0 && { scaling }),
    ...(reproduction !== undefined && { reproduction }),
  }
}

/** In the order of the steps, whatever order they were measured in; those of a search come last. */
function samplesOf({ steps }: Planned, measured: Measured, context: RunContext): Sample[] {
  const others = [...measured.keys()].filter(step => !steps.includes(step))
  return [...steps, ...others].flatMap(step => {
    const seen = measured.get(step)
    if (seen === undefined) return []
    const { timing, observations } = seen
    return [sampleOf(step, context.generatorFor(step), timing.durationS, observations)]
  })
}

/** A new array in random order (Fisher-Yates), so that drift of the machine favours no step. */
function shuffled<T>(items: readonly T[]): T[] {
  const pool = [...items]
  return items.flatMap(() => pool.splice(Math.floor(Math.random() * pool.length), 1))
}

/** Whole groups in random order, each of them shuffled: items of one key stay together. */
function shuffledInGroups<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  const groups = Object.values(Object.groupBy(items, keyOf)).filter(group => group !== undefined)
  return shuffled(groups).flatMap(shuffled)
}
