import type { Diagnosis, ExperimentResult } from '../results.ts'
import { figureInText, limitNames } from './format.ts'
import { type Html, html } from './html.ts'
import { prose } from './prose.ts'

const confidenceMeanings: Record<Diagnosis['confidence'], string> = {
  high: 'two independent signs agree',
  medium: 'one clear sign',
  low: 'weak signs only, or a machine that other programs kept busy',
}

/** The first thing on the page: what each experiment found, how sure that is, what to change next. */
export function diagnosisList(experiments: readonly ExperimentResult[]): Html {
  return html`<ol class="diagnoses">
    ${experiments.map(
      ({ name, verdict: diagnosis }) => html`<li data-limit="${diagnosis.limit}">
        <p class="source"><a href="#${name}">${name}</a></p>
        <p class="sentence">${prose(diagnosis.sentence)}</p>
        ${diagnosis.caution === undefined ? null : html`<p class="caution">${prose(diagnosis.caution)}</p>`}
        <p class="meta">${limitBadge(diagnosis)} ${diagnosis.confidence} confidence: ${confidenceMeanings[diagnosis.confidence]}</p>
        <p class="next"><b>Next</b> ${prose(diagnosis.next)}</p>
      </li>`,
    )}
  </ol>`
}

/** The diagnosis in detail: ranked causes with evidence, the ceiling, the test of the suspected limit. */
export function diagnosisDetails(diagnosis: Diagnosis): Html {
  return html`
    <section class="causes" aria-label="Limits">
      <h4>Limits, the most likely first</h4>
      ${diagnosis.causes.length === 0 ? html`<p>There is not enough evidence to name a limit.</p>` : causeList(diagnosis)}
    </section>
    <dl class="checks">
      <div><dt>Ceiling</dt><dd>${ceilingText(diagnosis)}</dd></div>
      <div><dt>Tested</dt><dd>${confirmationText(diagnosis)}</dd></div>
    </dl>`
}

function limitBadge({ limit }: Diagnosis): Html {
  const prefix = limit === 'inconclusive' || limit === 'none-observed' ? '' : 'Suspected limit: '
  return html`<span class="badge">${prefix}${limitNames[limit]}</span>`
}

function causeList({ causes }: Diagnosis): Html {
  return html`<ol>
    ${causes.map(
      cause => html`<li><b>${limitNames[cause.limit]}</b>
        <ul>${cause.evidence.map(statement => html`<li>${prose(statement)}</li>`)}</ul>
      </li>`,
    )}
  </ol>`
}

function ceilingText({ ceiling }: Diagnosis): string {
  if (ceiling === null) return 'not predicted'
  const { predictedPerS, measuredPerS } = ceiling
  const sizes = `predicted ${figureInText(predictedPerS, 'req/s')}, measured ${figureInText(measuredPerS, 'req/s')}`
  if (predictedPerS.median <= 0) return sizes
  const reached = (100 * measuredPerS.median) / predictedPerS.median
  return `${sizes}: ${Math.round(reached)} % of the prediction`
}

function confirmationText({ confirmed }: Diagnosis): string {
  if (confirmed === null) return 'no. No setting was changed, so the diagnosis rests on observation alone'
  const { holds, effect, turned, beforePerS, afterPerS } = confirmed
  const figures =
    beforePerS && afterPerS
      ? ` (${turned ?? 'the change'}: ${figureInText(beforePerS, 'req/s')} before, ${figureInText(afterPerS, 'req/s')} after)`
      : ''
  return `${holds ? 'confirmed' : 'not confirmed'}: ${prose(effect)}${figures}`
}
