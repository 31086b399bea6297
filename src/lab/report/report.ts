import { readFileSync } from 'node:fs'
import type { CpuProfile } from '../analysis/call-tree.ts'
import type { ExperimentResult, Manifest, Results } from '../results.ts'
import { caveats, environmentSection } from './environment.ts'
import { experimentSection } from './experiment.ts'
import { formatInstant } from './format.ts'
import { type Html, html, trusted } from './html.ts'
import { verdictList } from './verdict.ts'

const stylesheet = trusted(readFileSync(new URL('report.css', import.meta.url), 'utf8'))

/**
 * The policy forbids the page every request and every script, its own included: what a hostile service
 * smuggled past the escaping would still be inert.
 */
const contentPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

/**
 * One HTML file from one run's results: verdicts first, then each experiment with its plots, evidence and
 * tables, then the environment. Self-contained, without script, in light and dark, fit for print.
 * @param profiles the raw profiles that samples name; a flame graph is drawn of those at hand
 */
export function renderReport(
  results: Results,
  profiles: ReadonlyMap<string, CpuProfile> = new Map(),
): string {
  const { experiments, manifest } = results
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${contentPolicy}">
<title>${titleOf(results)}</title>
<style>
${stylesheet}</style>
</head>
<body>
<header class="masthead">
  <p class="brand">insertlab <time>${formatInstant(results.startedAt)}</time></p>
  ${themeSwitch}
</header>
<main>
  <section class="summary" aria-labelledby="summary-title">
    <h1 id="summary-title">${experiments.length === 1 ? 'Verdict' : 'Verdicts'}</h1>
    ${results.complete ? null : incompleteNotice(experiments.length)}
    ${experiments.length === 0 ? html`<p>No experiment was completed.</p>` : verdictList(experiments)}
    ${caveatList(caveats(manifest))}
  </section>
  ${experiments.map(experiment => experimentSection(experiment, isLowerBound(experiment, manifest), profiles))}
  ${environmentSection(manifest)}
</main>
</body>
</html>
`.markup
}

/** Works without script: the stylesheet reads the chosen radio button through `:has()`. */
const themeSwitch = html`<fieldset class="theme">
    <legend>Theme</legend>
    <label><input type="radio" name="theme" value="system" checked>system</label>
    <label><input type="radio" name="theme" value="light">light</label>
    <label><input type="radio" name="theme" value="dark">dark</label>
  </fieldset>`

function titleOf({ experiments, complete, startedAt }: Results): string {
  const names = experiments.map(experiment => experiment.name).join(', ')
  return `insertlab: ${names}${complete ? '' : ' (incomplete)'}, ${formatInstant(startedAt)}`
}

/** The service may do more than was seen: the host was shared, or something outside the service gave way first. */
function isLowerBound({ verdict }: ExperimentResult, { sharedCores }: Manifest): boolean {
  return sharedCores || verdict.limit === 'load-generator' || verdict.limit === 'environment'
}

function incompleteNotice(experiments: number): Html {
  return html`<p class="incomplete" role="note"><b>Incomplete run.</b> It was interrupted. What is shown was measured
    (${experiments} ${experiments === 1 ? 'experiment' : 'experiments'}); what is missing was not run.</p>`
}

function caveatList(statements: readonly string[]): Html | null {
  if (statements.length === 0) return null
  return html`<aside class="caveats" aria-label="How to read these figures">
    <h2>How to read these figures</h2>
    <ul>${statements.map(statement => html`<li>${statement}</li>`)}</ul>
  </aside>`
}
