import { cpuOverControl, rateOverControl } from '../analysis/demand.ts'
import { figureOf } from '../analysis/figures.ts'
import { capitalised, change, spread } from '../analysis/wording.ts'
import type { Diagnosis, Sample } from '../results.ts'
import { byThroughput, type Conclusion } from './experiment.ts'

/** Samples that have one control in common. */
export interface AgainstControl {
  /** What the control is called in a sentence: `a prepared insert with telemetry off`. */
  readonly control: string
  /** Each sample that was measured, and how it differs from the control: `with the ledger`. */
  readonly samples: readonly { readonly name: string; readonly sample: Sample }[]
}

/** What each sample costs more than its control, pair of windows by pair of windows. */
export function concludeAgainstControl(
  comparisons: readonly AgainstControl[],
  measured: readonly Sample[],
): Conclusion {
  const answer = comparisons.flatMap(answerOf).join(' ')
  const headline = comparisons.flatMap(headlineOf).join(' ')
  return {
    answer: answer || 'No pair of services was measured.',
    diagnosed: byThroughput(measured)[0] ?? null,
    // The reader asked for the difference; what limits the services is of less interest.
    ...(headline !== '' && {
      refine: (diagnosis: Diagnosis) => ({ ...diagnosis, sentence: `${headline} ${diagnosis.sentence}` }),
    }),
  }
}

/** Every difference, and what the control costs. */
function answerOf({ control, samples }: AgainstControl): string[] {
  const differences = samples.flatMap(({ name, sample }) => {
    const [cpu, rate] = [cpuOverControl(sample), rateOverControl(sample)]
    const parts = [
      ...(cpu === null ? [] : [`${change(cpu)} CPU per request`]),
      ...(rate === null ? [] : [`${change(rate)} requests/s`]),
    ]
    return parts.length === 0 ? [] : [`${name} ${parts.join(', ')}`]
  })
  if (differences.length === 0) return []
  const controlUs = figureOf(samples.flatMap(({ sample }) => sample.besideUs?.values ?? []))
  const base =
    controlUs === null
      ? `The control is ${control}.`
      : `${capitalised(control)} costs the API ${spread(controlUs, 'us')}.`
  return [`${base} Compared with it, pair by pair: ${differences.join('; ')}.`]
}

/** The smallest and the largest difference in CPU. */
function headlineOf({ control, samples }: AgainstControl): string[] {
  const costs = samples
    .flatMap(({ name, sample }) => {
      const times = cpuOverControl(sample)
      return times === null ? [] : [{ name, times }]
    })
    .toSorted((a, b) => a.times.median - b.times.median)
  const [least, most] = [costs[0], costs.at(-1)]
  if (least === undefined || most === undefined) return []
  const from = `${change(least.times)} CPU ${least.name}`
  const range = least === most ? from : `from ${from} to ${change(most.times)} ${most.name}`
  return [`Compared with ${control}, a request costs ${range}.`]
}
