import type { CpuProfile } from '../analysis/call-tree.ts'
import { counted } from '../analysis/wording.ts'
import type { Results } from '../results.ts'
import { diagnosisList } from './diagnosis.ts'
import { htmlDocument, masthead, stylesheet } from './document.ts'
import { caveatList, environmentSection } from './environment.ts'
import { experimentSection } from './experiment.ts'
import { findingsTable } from './findings.ts'
import { formatInstant } from './format.ts'
import { type Html, html } from './html.ts'

/**
 * One HTML file from one run's results: diagnoses first, then each experiment with its plots, evidence and
 * tables, then the environment. Self-contained, without script, in light and dark, fit for print.
 * @param profiles the raw profiles that samples name; a flame graph is drawn of those at hand
 */
export function renderReport(
  results: Results,
  profiles: ReadonlyMap<string, CpuProfile> = new Map(),
): string {
  const { experiments, manifest } = results
  const body = html`${masthead(html`<time>${formatInstant(results.startedAt)}</time>`)}
<main>
  <section class="summary" aria-labelledby="summary-title">
    <h1 id="summary-title">${experiments.length === 1 ? 'Diagnosis' : 'Diagnoses'}</h1>
    ${results.complete ? null : incompleteNotice(experiments.length)}
    ${experiments.length === 0 ? html`<p>No experiment was completed.</p>` : diagnosisList(experiments)}
    ${caveatList(manifest)}
  </section>
  ${findingsTable(experiments)}
  ${experiments.map(experiment => experimentSection(experiment, manifest, profiles))}
  ${environmentSection(manifest)}
</main>`
  return htmlDocument({ title: titleOf(results), styles: stylesheet, body }).markup
}

function titleOf({ experiments, complete, startedAt }: Results): string {
  const names = experiments.map(experiment => experiment.name).join(', ')
  return `insertlab: ${names}${complete ? '' : ' (incomplete)'}, ${formatInstant(startedAt)}`
}

function incompleteNotice(experiments: number): Html {
  return html`<p class="incomplete" role="note"><b>Incomplete run.</b> It was interrupted. What is shown was measured
    (${counted(experiments, 'experiment')}); what is missing was not run.</p>`
}
