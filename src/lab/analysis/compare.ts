import type { ExperimentResult, Figure, Limit, Results } from '../results.ts'
import { figureOf, median } from './figures.ts'
import { type Metric, metrics } from './metrics.ts'
import { bestConfidence, type Shift, shiftOf } from './shift.ts'

/** Smaller changes are not worth telling, however certain. */
const smallestChange = 0.03
/** What three repeats against three can reach. With fewer, no change can be told from noise. */
const leastConfidence = 0.9

export type Outcome =
  | 'better'
  | 'worse'
  | 'as the machine'
  | 'within the noise'
  | 'too few repeats'
  | 'not measured'

export interface Change {
  readonly metric: Metric
  readonly before: Figure | null
  readonly after: Figure | null
  /** After over before; null where one was not measured or a value is zero. */
  readonly ratio: Shift | null
  readonly outcome: Outcome
}

export interface SampleChanges {
  readonly experiment: string
  readonly label: string
  readonly changes: readonly Change[]
}

export interface ResultsComparison {
  /** CPU that the same fixed piece of work took, after over before; null where it is not known to differ. */
  readonly machine: Shift | null
  readonly samples: readonly SampleChanges[]
  /** Experiments in both results whose suspected limit changed. */
  readonly diagnoses: readonly {
    readonly experiment: string
    readonly before: Limit
    readonly after: Limit
  }[]
  /** In one of the two results only: `experiment, sample`. */
  readonly unmatched: { readonly before: readonly string[]; readonly after: readonly string[] }
}

/**
 * Compares the samples that two results have in common, by experiment and label, figure by figure. The
 * repeats show the noise within a run. They do not show that the whole machine was slower during one of the
 * runs. So the lab measures a fixed piece of work between the loads, and marks a figure that changed no more
 * than that work did.
 */
export function compareResults(before: Results, after: Results): ResultsComparison {
  const earlier = samplesByName(before.experiments)
  const later = samplesByName(after.experiments)
  const machine = machineShift(before, after)
  const samples = [...earlier].flatMap(([name, { experiment, sample }]) => {
    const now = later.get(name)?.sample
    if (now === undefined) return []
    const changes = metrics.map(one => compareFigures(one, one.read(sample), one.read(now), machine))
    return { experiment, label: sample.label, changes }
  })
  const missingIn = (other: ReadonlyMap<string, unknown>) => (name: string) => !other.has(name)
  return {
    machine,
    samples,
    diagnoses: before.experiments.flatMap(({ name, verdict: diagnosis }) => {
      const now = after.experiments.find(experiment => experiment.name === name)?.verdict.limit
      if (now === undefined || now === diagnosis.limit) return []
      return { experiment: name, before: diagnosis.limit, after: now }
    }),
    unmatched: {
      before: [...earlier.keys()].filter(missingIn(later)),
      after: [...later.keys()].filter(missingIn(earlier)),
    },
  }
}

/** Only where it is certain and worth telling. */
function machineShift(before: Results, after: Results): Shift | null {
  const { fixedWorkUs: earlier } = before.manifest
  const { fixedWorkUs: later } = after.manifest
  const ratio = earlier && later ? ratioOf(thinned(earlier), thinned(later)) : null
  return ratio !== null && isCertain(ratio) && isWorthTelling(ratio) ? ratio : null
}

/** Blocks enough to tell a shift by. */
const mostBlocks = 20

/**
 * The medians of a few blocks of readings in time order. A change of the machine lasts longer than one
 * reading, so neighbours are alike. A test that takes all of them as independent would be too certain.
 */
function thinned(figure: Figure): Figure {
  const { values = [] } = figure
  if (values.length <= mostBlocks) return figure
  const blocks = Object.groupBy(values.entries(), ([i]) => Math.floor((i * mostBlocks) / values.length))
  const medians = Object.values(blocks).flatMap((block = []) => median(block.map(([, value]) => value)) ?? [])
  return figureOf(medians) ?? figure
}

/**
 * Whether a figure changed beyond the noise of its repeats: the interval of the ratio from an exact Mann-
 * Whitney test (see `shiftOf`) excludes 1, and the change is large enough to report. A result without its
 * repeats is compared by the whole range of pairs, which is wider, so it errs towards `within the noise`.
 *
 * @param machine how much slower the machine was, where it is known to have been
 */
export function compareFigures(
  metric: Metric,
  before: Figure | null,
  after: Figure | null,
  machine: Shift | null = null,
): Change {
  const change = (ratio: Shift | null, outcome: Outcome) => ({ metric, before, after, ratio, outcome })
  if (before === null || after === null) return change(null, 'not measured')
  const confidence = bestConfidence(before.repeats, after.repeats)
  if (before.low <= 0 || after.low <= 0)
    return change(null, outcomeFromZero(metric, before, after, confidence))
  const ratio = ratioOf(before, after)
  if (ratio === null) return change(null, 'not measured')
  if (ratio.confidence < leastConfidence) return change(ratio, 'too few repeats')
  if (!isCertain(ratio) || !isWorthTelling(ratio)) return change(ratio, 'within the noise')
  if (machine !== null && isExplained(metric, ratio, machine)) return change(ratio, 'as the machine')
  return change(ratio, direction(metric, ratio.estimate > 1))
}

/** No ratio to zero (no errors, nothing dropped): apart or not is all there is to ask. */
function outcomeFromZero(metric: Metric, before: Figure, after: Figure, confidence: number): Outcome {
  if (before.low <= after.high && after.low <= before.high) return 'within the noise'
  return confidence < leastConfidence ? 'too few repeats' : direction(metric, after.low > before.high)
}

function isCertain({ low, high }: Shift): boolean {
  return low > 1 || high < 1
}

function isWorthTelling({ estimate }: Shift): boolean {
  return Math.abs(estimate - 1) >= smallestChange
}

/** It moved the way the machine did, and its interval reaches into what the machine alone would do, or less. */
function isExplained({ withSlowerMachine }: Metric, ratio: Shift, machine: Shift): boolean {
  if (withSlowerMachine === 0) return false
  const [low, high] = withSlowerMachine === 1 ? [ratio.low, ratio.high] : [1 / ratio.high, 1 / ratio.low]
  return machine.estimate > 1 ? low > 1 && low <= machine.high : high < 1 && high >= machine.low
}

function direction({ better }: Metric, rose: boolean): Outcome {
  return rose === (better === 'higher') ? 'better' : 'worse'
}

function ratioOf(before: Figure, after: Figure): Shift | null {
  if (before.values !== undefined && after.values !== undefined) {
    return shiftOf(before.values, after.values, (a, b) => b / a)
  }
  return {
    estimate: after.median / before.median,
    low: after.low / before.high,
    high: after.high / before.low,
    confidence: bestConfidence(before.repeats, after.repeats),
  }
}

function samplesByName(experiments: readonly ExperimentResult[]) {
  return new Map(
    experiments.flatMap(({ name, samples }) =>
      samples.map(sample => [`${name}, ${sample.label}`, { experiment: name, sample }] as const),
    ),
  )
}
