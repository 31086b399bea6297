import type { ExperimentResult, Verdict } from '../results.ts'
import { figureInText, limitNames } from './format.ts'
import { type Html, html } from './html.ts'
import { prose } from './prose.ts'

const confidenceMeanings: Record<Verdict['confidence'], string> = {
  high: 'two independent signs agree',
  medium: 'one clear sign',
  low: 'the best of weak signs',
}

/** The first thing on the page: what each experiment found, how sure that is, what to change next. */
export function verdictList(experiments: readonly ExperimentResult[]): Html {
  return html`<ol class="verdicts">
    ${experiments.map(
      ({ name, verdict }) => html`<li data-limit="${verdict.limit}">
        <p class="source"><a href="#${name}">${name}</a></p>
        <p class="sentence">${prose(verdict.sentence)}</p>
        <p class="meta">${limitBadge(verdict)} ${confidence(verdict)}</p>
        <p class="next"><b>Next</b> ${prose(verdict.next)}</p>
      </li>`,
    )}
  </ol>`
}

/** The verdict as an engineer checks it: ranked causes with evidence, the ceiling, the confirmation. */
export function verdictDetails(verdict: Verdict): Html {
  return html`
    <section class="causes" aria-label="Causes">
      <h4>Causes, the most likely first</h4>
      ${verdict.causes.length === 0 ? html`<p>No cause has evidence enough to be named.</p>` : causeList(verdict)}
    </section>
    <dl class="checks">
      <div><dt>Ceiling</dt><dd>${ceilingText(verdict)}</dd></div>
      <div><dt>Confirmed</dt><dd>${confirmationText(verdict)}</dd></div>
      <div><dt>Confidence</dt><dd>${verdict.confidence}: ${confidenceMeanings[verdict.confidence]}</dd></div>
      <div><dt>Next</dt><dd>${prose(verdict.next)}</dd></div>
    </dl>`
}

function limitBadge({ limit }: Verdict): Html {
  const prefix = limit === 'inconclusive' || limit === 'none-observed' ? '' : 'Limit: '
  return html`<span class="badge">${prefix}${limitNames[limit]}</span>`
}

/** The dots repeat the word, for eyes that scan; readers of the page by voice get the word only. */
function confidence({ confidence: level }: Verdict): Html {
  const dots = { high: '●●●', medium: '●●○', low: '●○○' }[level]
  return html`<span class="confidence"><span aria-hidden="true">${dots}</span> ${level} confidence</span>`
}

function causeList({ causes }: Verdict): Html {
  return html`<ol>
    ${causes.map(
      cause => html`<li><b>${limitNames[cause.limit]}</b>
        <ul>${cause.evidence.map(statement => html`<li>${prose(statement)}</li>`)}</ul>
      </li>`,
    )}
  </ol>`
}

function ceilingText({ ceiling }: Verdict): string {
  if (ceiling === null) return 'not predicted'
  const { predictedPerS, measuredPerS } = ceiling
  const sizes = `predicted ${figureInText(predictedPerS, 'req/s')}, measured ${figureInText(measuredPerS, 'req/s')}`
  if (predictedPerS.median <= 0) return sizes
  const reached = (100 * measuredPerS.median) / predictedPerS.median
  return `${sizes}: ${Math.round(reached)} % of the prediction`
}

function confirmationText({ confirmed }: Verdict): string {
  if (confirmed === null)
    return 'not tried: the accused resource was not changed, so this rests on observation'
  const { holds, effect, turned, beforePerS, afterPerS } = confirmed
  const figures =
    beforePerS && afterPerS
      ? ` (${turned ?? 'turned'}: ${figureInText(beforePerS, 'req/s')} before, ${figureInText(afterPerS, 'req/s')} after)`
      : ''
  return `${holds ? 'yes' : 'no'}: ${prose(effect)}${figures}`
}
