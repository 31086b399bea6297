import { cpuOverControl, rateOverControl } from '../analysis/demand.ts'
import { figureOf } from '../analysis/figures.ts'
import { change, spread } from '../analysis/wording.ts'
import type { Diagnosis, Sample } from '../results.ts'
import { byThroughput, type Conclusion } from './experiment.ts'

/** Samples that have one control in common. */
export interface AgainstControl {
  /** What the control is called in a sentence: `A prepared insert with telemetry off`. */
  readonly control: string
  /** Each sample that was measured, and its name in a sentence. */
  readonly samples: readonly { readonly name: string; readonly sample: Sample }[]
}

/** What each sample costs more than its control, pair of windows by pair of windows. */
export function concludeAgainstControl(
  comparisons: readonly AgainstControl[],
  measured: readonly Sample[],
): Conclusion {
  const sentences = comparisons.flatMap(sentenceOf)
  const answer = sentences.length === 0 ? 'No pair of services was measured.' : sentences.join(' ')
  return {
    answer,
    diagnosed: byThroughput(measured)[0] ?? null,
    // The reader asked for the difference; what limits the services is of less interest.
    ...(sentences.length > 0 && {
      refine: (diagnosis: Diagnosis) => ({ ...diagnosis, sentence: `${answer} ${diagnosis.sentence}` }),
    }),
  }
}

function sentenceOf({ control, samples }: AgainstControl): string[] {
  const differences = samples.flatMap(({ name, sample }) => {
    const [cpu, rate] = [cpuOverControl(sample), rateOverControl(sample)]
    const parts = [
      ...(cpu === null ? [] : [`${change(cpu)} CPU per request`]),
      ...(rate === null ? [] : [`${change(rate)} requests/s`]),
    ]
    return parts.length === 0 ? [] : [`${name}: ${parts.join(', ')}`]
  })
  if (differences.length === 0) return []
  const controlUs = figureOf(samples.flatMap(({ sample }) => sample.besideUs?.values ?? []))
  const base = controlUs === null ? '' : ` costs the API ${spread(controlUs, 'us')}`
  return [`${control}${base}. In pairs of windows against it: ${differences.join('; ')}.`]
}
