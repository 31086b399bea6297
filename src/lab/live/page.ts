import { readFileSync } from 'node:fs'
import { diagnosisList } from '../report/diagnosis.ts'
import { htmlDocument, masthead, stylesheet } from '../report/document.ts'
import { caveatList, environmentSection } from '../report/environment.ts'
import { experimentSection } from '../report/experiment.ts'
import { formatInstant, formatNumber } from '../report/format.ts'
import { type Html, html } from '../report/html.ts'
import type { ExperimentResult, Results } from '../results.ts'
import { clockTime } from './progress.ts'
import { type RateReading, rateLine } from './rate-line.ts'

/** What the lab will do, known in advance. */
export interface Plan {
  readonly experiments: readonly { readonly name: string; readonly question: string }[]
  /** About so many seconds in all. */
  readonly totalS: number
}

/** All that the page shows. */
export interface LiveState {
  readonly plan: Plan
  /** null before the first figure. */
  readonly results: Results | null
  readonly doing: string
  /** Estimated seconds of work done, of `plan.totalS`. */
  readonly doneS: number
  readonly rates: readonly RateReading[]
  /** Where the report is; null until the run is over. */
  readonly reportFile: string | null
}

const liveStyles = readFileSync(new URL('live.css', import.meta.url), 'utf8')

/** The empty page with a place for each part; `live.js` fills them. */
export function livePageOf({ experiments }: Plan, startedAt: Date): string {
  const body = html`${masthead(html`live <time>${formatInstant(startedAt.toISOString())}</time>`)}
<main>
  <noscript><p class="incomplete">This page fills by a script of its own; the report afterwards needs none.</p></noscript>
  <p class="incomplete" id="lost" role="alert" hidden>The lab is gone or out of reach: what is shown is what it had measured. Reload to try again.</p>
  <section class="now" id="now" aria-label="What the lab is doing"></section>
  <section class="summary" id="moment" aria-live="polite" aria-label="The bottleneck of the moment"></section>
  <nav aria-label="Experiments" id="contents"></nav>
  ${experiments.map(({ name }) => html`<div id="${partOf(name)}"></div>`)}
  <div id="environment-part"></div>
</main>`
  return htmlDocument({
    title: 'insertlab: live',
    allows: "script-src 'self'; connect-src 'self'",
    styles: `${stylesheet}${liveStyles}`,
    head: html`<script src="live.js" defer></script>\n`,
    body,
  }).markup
}

/** The parts that change with every second. Cheap: they are made while the service is being measured. */
export function passingParts(state: LiveState, nowMs: number): Record<string, Html> {
  const { plan, doing, doneS, rates, reportFile, results } = state
  if (reportFile !== null) {
    const how = results?.complete === false ? 'Interrupted' : 'Finished'
    return {
      title: html`${how.toLowerCase()}: insertlab`,
      now: html`<h1>${how}</h1>
        <p class="ending" role="status">The report, which needs no lab to be read: <code>${reportFile}</code></p>`,
    }
  }
  const share = plan.totalS > 0 ? Math.min(1, doneS / plan.totalS) : 0
  const percent = Math.round(100 * share)
  const rate = rates.at(-1)
  return {
    title: html`${percent} %: insertlab`,
    now: html`<h1>Measuring</h1>
      <p class="doing">${doing}</p>
      <p class="rate"><output>${rate === undefined ? '–' : formatNumber(rate.perS)}</output> requests/s</p>
      ${rateLine(rates, nowMs)}
      <p class="done"><progress max="100" value="${percent}" aria-label="Progress"></progress>
        ${percent} %, about ${clockTime(plan.totalS * (1 - share))} min left</p>`,
  }
}

/** The parts that change when a step has been measured, and hold its plots. */
export function measuredParts({ plan, results }: LiveState): Record<string, Html> {
  if (results === null) return { contents: contentsOf(plan, null) }
  const { experiments, manifest } = results
  const latest = experiments.findLast(({ samples }) => samples.length > 0)
  return {
    moment: html`<h2>Bottleneck of the moment</h2>
      ${latest === undefined ? html`<p>Nothing has been measured yet.</p>` : diagnosisList([latest])}
      ${caveatList(manifest)}`,
    contents: contentsOf(plan, results),
    ...Object.fromEntries(
      experiments.map(experiment => [partOf(experiment.name), sectionOf(experiment, results)]),
    ),
    'environment-part': environmentSection(manifest),
  }
}

/** A finished experiment stays the same object, so its plots are drawn once. */
const sections = new WeakMap<ExperimentResult, Html>()

function sectionOf(experiment: ExperimentResult, { manifest }: Results): Html {
  const drawn = sections.get(experiment) ?? experimentSection(experiment, manifest, new Map())
  sections.set(experiment, drawn)
  return drawn
}

function contentsOf({ experiments }: Plan, results: Results | null): Html {
  const begun = results?.experiments ?? []
  return html`<ol class="contents">${experiments.map(({ name, question }, i) => {
    const isOver = i < begun.length - 1 || results?.complete === true
    const state = isOver ? 'measured' : i < begun.length ? 'filling' : 'to come'
    const title = i < begun.length ? html`<a href="#${name}">${name}</a>` : name
    return html`<li><b>${title}</b> ${question} <span class="state">${state}</span></li>`
  })}</ol>`
}

function partOf(experiment: string): string {
  return `part-${experiment}`
}
