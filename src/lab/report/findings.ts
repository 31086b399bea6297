import type { ExperimentResult, Reproduction } from '../results.ts'
import { formatFigure, formatNumber } from './format.ts'
import { type Html, html } from './html.ts'
import { prose } from './prose.ts'
import { table } from './table.ts'

/** What the source reports found, and what was found here; null where no experiment compares with them. */
export function findingsTable(experiments: readonly ExperimentResult[]): Html | null {
  const rows = experiments
    .flatMap(({ name, reproduction = [] }) => reproduction.map(one => ({ name, ...one })))
    .toSorted((a, b) => a.finding.localeCompare(b.finding))
  if (rows.length === 0) return null
  const reproduced = rows.filter(row => row.reproduced).length
  return html`<section class="findings" aria-labelledby="findings-title">
    <h2 id="findings-title">${reproduced} of ${rows.length} reported comparisons reproduced</h2>
    <p>A comparison is reproduced if the ratio of its two figures has the same direction and order of size here as in the
      report. Absolute figures come from different machines and are not compared.</p>
    ${table({
      caption: 'The source reports’ findings, and ours',
      kind: 'words',
      columns: [
        ['Finding'],
        ['Compared'],
        ['Reported'],
        ['Here', 'median (lowest–highest repeat)'],
        ['Ratio', 'reported'],
        ['Ratio', 'here'],
        ['Reproduced'],
      ],
      rows: rows.map(row => [
        html`<a href="#${row.name}">${row.finding}</a>`,
        html`<td>${prose(row.compared)}</td>`,
        html`<td>${prose(row.reported)}</td>`,
        html`<td>${prose(row.ours)}</td>`,
        ...ratioCells(row),
        html`<td><b>${row.reproduced ? 'yes' : 'not reproduced'}</b>, because ${prose(row.because)}</td>`,
      ]),
    })}
  </section>`
}

function ratioCells({ ratio: { reported, ours } }: Reproduction): Html[] {
  const here = ours === null ? null : formatFigure(ours)
  return [
    html`<td>${reported === null ? '–' : `× ${formatNumber(reported, 2)}`}</td>`,
    html`<td>${here === null ? '–' : html`× ${here.median} <small>${here.range ?? 'one run'}</small>`}</td>`,
  ]
}
