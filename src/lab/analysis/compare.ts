import type { ExperimentResult, Figure, Results, Sample } from '../results.ts'
import { type Metric, metrics } from './metrics.ts'
import { bestConfidence, type Shift, shiftOf } from './shift.ts'

/** Smaller changes are not worth telling, however certain. */
const smallestChange = 0.03
/** What three repeats against three can reach. With fewer, no change can be told from noise. */
const leastConfidence = 0.9

export type Outcome = 'better' | 'worse' | 'within the noise' | 'too few repeats' | 'not measured'

export interface Change {
  readonly metric: Metric
  readonly before: Figure | null
  readonly after: Figure | null
  /** After over before; null where one was not measured or a value is zero. */
  readonly ratio: Shift | null
  readonly outcome: Outcome
}

export interface SampleComparison {
  readonly experiment: string
  readonly label: string
  readonly changes: readonly Change[]
}

export interface Comparison {
  readonly samples: readonly SampleComparison[]
  /** In one of the two results only: `experiment, sample`. */
  readonly unmatched: { readonly before: readonly string[]; readonly after: readonly string[] }
}

/** Compares all samples that two results have in common, by experiment and label, figure by figure. */
export function compareResults(before: Results, after: Results): Comparison {
  const earlier = samplesByName(before.experiments)
  const later = samplesByName(after.experiments)
  const both = [...earlier].flatMap(([name, { experiment, sample }]) => {
    const counterpart = later.get(name)
    if (counterpart === undefined) return []
    return [{ experiment, label: sample.label, changes: compareSamples(sample, counterpart.sample) }]
  })
  const missingIn = (other: ReadonlyMap<string, unknown>) => (name: string) => !other.has(name)
  return {
    samples: both,
    unmatched: {
      before: [...earlier.keys()].filter(missingIn(later)),
      after: [...later.keys()].filter(missingIn(earlier)),
    },
  }
}

export function compareSamples(before: Sample, after: Sample): Change[] {
  return metrics.map(metric => compareFigures(metric, metric.read(before), metric.read(after)))
}

/**
 * Whether a figure changed beyond the noise of its repeats: the interval of the ratio that an exact
 * Mann-Whitney test leaves (see `shiftOf`) excludes 1, and the change is worth telling. The interval is the
 * test: one idea, and it says how large the change is as well. Where a result kept no repeats the whole range
 * of pairs stands in, which is wider, so it errs towards `within the noise`.
 *
 * The noise is that within a run. A machine that is slower at another hour shifts all repeats of a run
 * together, and no test on them can see that: compare runs taken in turn.
 */
export function compareFigures(metric: Metric, before: Figure | null, after: Figure | null): Change {
  const change = (ratio: Shift | null, outcome: Outcome): Change => ({
    metric,
    before,
    after,
    ratio,
    outcome,
  })
  if (before === null || after === null) return change(null, 'not measured')
  const confidence = bestConfidence(before.repeats, after.repeats)
  if (before.low <= 0 || after.low <= 0)
    return change(null, outcomeFromZero(metric, before, after, confidence))
  const ratio = ratioOf(before, after)
  if (ratio === null) return change(null, 'not measured')
  if (ratio.confidence < leastConfidence) return change(ratio, 'too few repeats')
  const certain = ratio.low > 1 || ratio.high < 1
  const worthTelling = Math.abs(ratio.estimate - 1) >= smallestChange
  if (!certain || !worthTelling) return change(ratio, 'within the noise')
  return change(ratio, direction(metric, ratio.estimate > 1))
}

/** No ratio to zero (no errors, nothing dropped): apart or not is all there is to ask. */
function outcomeFromZero(metric: Metric, before: Figure, after: Figure, confidence: number): Outcome {
  if (before.low <= after.high && after.low <= before.high) return 'within the noise'
  return confidence < leastConfidence ? 'too few repeats' : direction(metric, after.low > before.high)
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
