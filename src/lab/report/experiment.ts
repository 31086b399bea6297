import type { CpuProfile } from '../analysis/call-tree.ts'
import type { ExperimentResult, Manifest, Sample } from '../results.ts'
import { diagnosisDetails } from './diagnosis.ts'
import { formatSetting } from './format.ts'
import { type Html, html } from './html.ts'
import { insideSection } from './inside.ts'
import { plotsFor } from './plots/plots-for.ts'
import { renderPlot } from './plots/report-plot.ts'
import { prose } from './prose.ts'
import { resourceTable } from './resources.ts'
import { sampleTables } from './tables.ts'
import { type Dimension, describeSetting, describeValue, distinct, splitDimensions } from './variation.ts'

/**
 * One experiment, from its question to the command that repeats it.
 * @param profiles the raw profiles that samples name
 */
export function experimentSection(
  experiment: ExperimentResult,
  manifest: Manifest,
  profiles: ReadonlyMap<string, CpuProfile>,
): Html {
  const { name, question, hypothesis, finding, answer, samples, verdict: diagnosis, repeat } = experiment
  const diagnosed = diagnosedSample(experiment)
  const isLowerBound = mayDoMore(experiment, manifest)
  return html`<section class="experiment" id="${name}" aria-labelledby="${name}-title">
    <header>
      <p class="source">${name}${finding === null ? null : html` · reproduces finding ${finding}`}</p>
      <h2 id="${name}-title">${prose(question)}</h2>
      <p class="answer">${prose(answer)}</p>
      <p class="hypothesis"><b>Hypothesis</b> ${prose(hypothesis)}</p>
    </header>
    ${samples.length === 0 ? html`<p class="note">No sample was completed: there is nothing to plot.</p>` : null}
    ${plotsFor(experiment, profiles).map(renderPlot)}
    <h3>Why: the evidence</h3>
    ${diagnosisDetails(diagnosis)}
    ${diagnosed === null ? null : resourceTable(diagnosed, manifest)}
    ${insideSection(samples, diagnosed)}
    ${samples.length === 0 ? null : figuresOf(samples, isLowerBound)}
    <h3>How to repeat it</h3>
    <pre><code>${repeat}</code></pre>
  </section>
  `
}

/** The service may do more than was measured: it shared the host, or the limit was outside the service. */
function mayDoMore({ verdict: diagnosis }: ExperimentResult, { sharedCores }: Manifest): boolean {
  return sharedCores || diagnosis.limit === 'load-generator' || diagnosis.limit === 'environment'
}

function figuresOf(samples: readonly Sample[], isLowerBound: boolean): Html {
  const [first] = samples
  if (first === undefined) return html``
  const { held, varied } = splitDimensions(samples)
  const heldConstant = [loadInWords(samples), ...held.map(dimension => describeSetting(dimension, first))]
  const variedHere = varied.map(dimension => `${dimension.name} (${valuesIn(samples, dimension).join(', ')})`)
  return html`
    <h3>The figures</h3>
    <p class="held"><b>Varied</b> ${variedHere.length === 0 ? 'nothing' : variedHere.join('; ')}<br>
      <b>Held constant</b> ${heldConstant.join('; ')}</p>
    ${doubtsAbout(samples)}
    ${sampleTables(samples, isLowerBound)}`
}

/** A closed loop has no rate, and an open loop is not described by its connections: nothing is unset there. */
function valuesIn(samples: readonly Sample[], dimension: Dimension): string[] {
  const isOfLoad = dimension.name === 'connections' || dimension.name === 'rate'
  return distinct(samples, dimension)
    .filter(value => !(isOfLoad && value === null))
    .map(describeValue)
}

/** Doubts about the samples; null where there are none. */
function doubtsAbout(samples: readonly Sample[]): Html | null {
  const doubted = samples.flatMap(({ label, doubts = [], complaint }) => {
    const failed = complaint === undefined ? [] : [`requests failed, and the log said: ${complaint}`]
    const all = [...doubts, ...failed].join('; ')
    return all === '' ? [] : [html`<li>“${label}”: ${prose(all)}</li>`]
  })
  if (doubted.length === 0) return null
  return html`<aside class="caveats" aria-label="Doubts">
    <h4>Doubts about some of these figures</h4>
    <ul>${doubted}</ul>
  </aside>`
}

const modes: Record<Sample['load']['mode'], string> = {
  closed: 'closed loop: each client waits for its answer',
  open: 'open loop: requests arrive at a rate, whether or not others are answered',
  paced: 'paced: a closed loop held to a rate',
}

function loadInWords(samples: readonly Sample[]): string {
  const loads = samples.map(
    ({ load }) => `${load.generator}, ${modes[load.mode]}, ${formatSetting(load.durationS)} s a repeat`,
  )
  return [...new Set(loads)].join(' or ')
}

/** The sample being diagnosed; in older results, which do not name it, the one with the highest throughput. */
function diagnosedSample({ samples, verdict: diagnosis }: ExperimentResult): Sample | null {
  return (
    samples.find(({ label }) => label === diagnosis.accused) ??
    samples.toSorted((a, b) => b.throughputPerS.median - a.throughputPerS.median)[0] ??
    null
  )
}
