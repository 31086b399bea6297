/**
 * The insert table: what a durable row costs on each stack of the experiment `peers`, as a page for `docs/` and its
 * picture. Pure: all that it says comes from the results.
 */
import { apart, ratio } from '../analysis/figures.ts'
import { extraRows, missingRows } from '../analysis/row-audit.ts'
import type { ExperimentResult, Figure, Manifest, Results, RowAudit, Sample } from '../results.ts'
import {
  formatFigure,
  formatInstant,
  formatNumber,
  formatRepeats,
  formatSetting,
  scaleFigure,
} from './format.ts'
import { insertTablePlot } from './plots/cpu-by-process.ts'
import { standaloneSvg } from './plots/standalone-svg.ts'

const busy = 64
const manyRows = 10

/** Everything that was measured of one stack. */
interface Row {
  readonly stack: string
  readonly language: string
  readonly versions: string
  readonly samples: readonly Sample[]
  readonly one: Sample
  /** CPU of the API for one row, us. */
  readonly api: Figure
  readonly oneAlone: Sample | undefined
  readonly ten: Sample | undefined
  readonly tenAlone: Sample | undefined
  readonly bulk: Sample | undefined
  /** How many times less CPU a row costs with the one statement for many rows; null: not measured. */
  readonly gain: Figure | null
}

/** The page and the picture; null where the results have no insert of one row from many connections. */
export function insertTable(results: Results): { markdown: string; svg: string } | null {
  const experiment = results.experiments.find(({ name }) => name === 'peers')
  const rows = experiment === undefined ? [] : rowsOf(experiment, results.manifest)
  if (experiment === undefined || rows.length === 0) return null
  const costs = rows.map(({ stack, api, one }) => ({
    label: stack,
    api,
    database: one.cpuPerRequestUs.database,
  }))
  return { markdown: page(results, experiment, rows), svg: standaloneSvg(insertTablePlot(costs)) }
}

/** The stacks from the cheapest to the most expensive row, by the CPU of the API. */
function rowsOf({ samples: all }: ExperimentResult, { node }: Manifest): Row[] {
  const byStack = Map.groupBy(all, ({ knobs }) => String(knobs['stack']))
  const rows = [...byStack].flatMap(([stack, samples]): Row[] => {
    const find = (rows: number, connections: number, isBulk = false) =>
      samples.find(
        ({ knobs, load }) =>
          knobs['rows'] === rows && load.connections === connections && 'bulk' in knobs === isBulk,
      )
    const one = find(1, busy)
    const api = costOf(one, 'api')
    if (one === undefined || api === null) return []
    const versions = one.versions ?? `Node ${node.replace(/^v/, '')}`
    const language = versions.split(' ')[0] ?? ''
    const [ten, bulk] = [find(manyRows, busy), find(manyRows, busy, true)]
    const [before, after] = [costOf(ten, 'api'), costOf(bulk, 'api')]
    const gain = before === null || after === null ? null : ratio(before, after)
    const [oneAlone, tenAlone] = [find(1, 1), find(manyRows, 1)]
    return [{ stack, language, versions, samples, one, api, oneAlone, ten, tenAlone, bulk, gain }]
  })
  return rows.toSorted((a, b) => a.api.median - b.api.median)
}

function page(results: Results, { repeat }: ExperimentResult, rows: readonly Row[]): string {
  const { manifest: machine, startedAt, complete } = results
  const durationS = rows[0]?.one.load.durationS ?? 0
  return `${[
    '# The insert table: what a durable row costs',
    `CPU of one insert, answered after the row is on disk, on ${rows.length} stacks, from one run. The code of each is in [deploy/peers](../deploy/peers/README.md); each file names the page of the documentation that it follows. This page and its picture are written by \`npm run lab -- insert-table <result>\`; do not edit them.`,
    `![CPU per durable row on each stack](insert-table.svg)`,
    `Figures are CPU in µs per durable row: the median of ${formatRepeats(rows.map(({ api }) => api))}, in brackets the lowest and the highest. Compare ratios, not absolute figures: another machine has other figures, and so has this one at another hour. The order of two stacks is certain only where their ranges do not overlap.`,
    ...(complete ? [] : ['**The run was interrupted: some repeats are missing.**']),
    '## In words',
    list(sentences(rows)),
    '## One row a request',
    'From the least CPU of the API to the most. "Alone" is one connection, where nothing shares a wake-up, a flush or a system call.',
    table(rows, [
      ['stack', ({ stack }) => stack],
      ['API', ({ one }) => perRow(one, 'api')],
      ['PostgreSQL', ({ one }) => perRow(one, 'database')],
      ['requests/s', ({ one }) => spread(one.throughputPerS)],
      ['API, alone', ({ oneAlone }) => perRow(oneAlone, 'api')],
      ['PostgreSQL, alone', ({ oneAlone }) => perRow(oneAlone, 'database')],
    ]),
    `## ${manyRows} rows a request, per row`,
    `First ${manyRows} statements in one transaction, then one statement for all rows where the data layer has one: what one change of code brings without another stack. The batched stacks put the rows of all waiting requests into one statement by themselves.`,
    table(rows, [
      ['stack', ({ stack }) => stack],
      ['API', ({ ten }) => perRow(ten, 'api')],
      ['PostgreSQL', ({ ten }) => perRow(ten, 'database')],
      ['API, alone', ({ tenAlone }) => perRow(tenAlone, 'api')],
      ['the one statement', ({ bulk }) => (bulk === undefined ? '–' : `\`${String(bulk.knobs['bulk'])}\``)],
      ['API', ({ bulk }) => perRow(bulk, 'api')],
      ['PostgreSQL', ({ bulk }) => perRow(bulk, 'database')],
      ['API: times less', ({ gain }) => orNone(gain)],
    ]),
    '## Where the CPU of the API goes, by package',
    `µs of one row at ${busy} connections, the largest parts. Each stack was profiled once, in a window of its own after the first measured one, and its shares were scaled to that window. ${samplers}`,
    table(rows, [
      ['stack', ({ stack }) => stack],
      ['parts', parts],
    ]),
    '## Every row is in the table',
    'After each measured window the table must have at least the rows that were answered for. Then 64 requests are sent, all answers awaited, and the table must have grown by exactly their rows and have the ids that were answered. A row too many is not lost: it may be of a request of the load whose client had gone.',
    table(rows, [
      ['stack', ({ stack }) => stack],
      ['answered for in the windows', row => total(row, ({ windowRows }) => windowRows)],
      ['in the table, with warm-up', row => total(row, ({ windowFound }) => windowFound)],
      ['answered for', row => total(row, ({ exactRows }) => exactRows)],
      ['grown by', row => total(row, ({ exactFound }) => exactFound)],
      ['ids found', row => `${total(row, ({ idsFound }) => idsFound)} of ${total(row, ({ ids }) => ids)}`],
      ['', auditVerdict],
    ]),
    '## What was measured, and on what',
    list([
      `Date: ${formatInstant(startedAt)}; insertlab ${machine.insertlab}, commit ${machine.commit ?? 'unknown'}.`,
      `Machine: ${machine.cpuModel}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.platform}, kernel ${machine.kernel}.`,
      `PostgreSQL ${machine.postgres}, with fsync and synchronous commits; generator ${machine.generator}.`,
      `Each window ${formatNumber(durationS)} s after its warm-up; in each round every stack is started anew, in a random order. One process, a pool of 20 connections; Go and Rust use all cores. No access log. insertlab has its full telemetry, the others have none.`,
      'Each process is new in each round. Node compiles its hot code on helper threads in the first minute, and that CPU is in its figures: they read high, most where there is most code (insertlab with its telemetry).',
      ...machine.warnings,
      `Repeat it: \`${repeat}\``,
    ]),
    table(rows, [
      ['stack', ({ stack }) => stack],
      ['runs on', ({ versions }) => versions],
    ]),
  ].join('\n\n')}\n`
}

const samplers =
  'Node: V8’s sampler, read through the inspector; native work of the event loop and helper threads are in `kernel: receiving`. ' +
  'Python: py-spy, C code counts for the Python function that called it; of Django only threads that hold the interpreter’s lock. ' +
  'Go: its own sampler. Rust: no profile.'

function perRow(sample: Sample | undefined, of: 'api' | 'database'): string {
  return orNone(costOf(sample, of))
}

function orNone(figure: Figure | null): string {
  return figure === null ? '–' : spread(figure)
}

function costOf(sample: Sample | undefined, of: 'api' | 'database'): Figure | null {
  const figure = sample?.cpuPerRequestUs[of] ?? null
  return figure === null ? null : scaleFigure(figure, 1 / Number(sample?.knobs['rows'] ?? 1))
}

/** What the figures say, as ratios. */
function sentences(rows: readonly Row[]): string[] {
  const byLanguage = [...Map.groupBy(rows, ({ language }) => language)]
  return [
    ...versus('Of all stacks', rows),
    ...byLanguage.flatMap(([language, all]) => versus(`In ${language}`, all)),
    ...gains(rows),
  ]
}

/** The most expensive of some stacks, compared with the cheapest. */
function versus(where: string, rows: readonly Row[]): string[] {
  const [least, most] = [rows[0], rows.at(-1)]
  if (least === undefined || most === undefined || least === most) return []
  const certainty = apart(least.api, most.api) ? '' : ' Their ranges overlap.'
  return [
    `${where}, a row of ${most.stack} costs the API ${spread(ratio(most.api, least.api))} times the CPU of a row of ${least.stack}.${certainty}`,
  ]
}

/** What the one statement brings at least and at most. */
function gains(rows: readonly Row[]): string[] {
  const known = rows
    .flatMap(({ stack, gain }) => (gain === null ? [] : [{ stack, gain }]))
    .toSorted((a, b) => a.gain.median - b.gain.median)
  const [least, most] = [known[0], known.at(-1)]
  if (least === undefined || most === undefined) return []
  return [
    `One statement for ${manyRows} rows instead of ${manyRows} statements: a row costs the API from ${spread(least.gain)} times less (${least.stack}) to ${spread(most.gain)} times less (${most.stack}).`,
  ]
}

const shownParts = 7

function parts({ one }: Row): string {
  const all = Object.entries(one.layersUs ?? {}).toSorted(([, a], [, b]) => b.median - a.median)
  if (all.length === 0) return 'no profile'
  const shown = all.slice(0, shownParts)
  const restUs = all.slice(shownParts).reduce((sum, [, { median }]) => sum + median, 0)
  return [
    ...shown.map(([layer, { median }]) => `${layer} ${formatNumber(median, 2)}`),
    ...(all.length > shownParts ? [`all others ${formatNumber(restUs, 2)}`] : []),
  ].join(', ')
}

/** Over all audits of a stack. */
function sum({ samples }: Row, of: (audit: RowAudit) => number): number {
  return samples.reduce((all, { audit }) => all + (audit === undefined ? 0 : of(audit)), 0)
}

function total(row: Row, of: (audit: RowAudit) => number): string {
  return formatSetting(sum(row, of))
}

function auditVerdict(row: Row): string {
  const isChecked = row.samples.some(({ audit }) => audit !== undefined)
  const isFailing = row.samples.some(({ errors }) => errors.ratio.high > 0)
  return `${isChecked ? foundInWords(row) : 'not checked'}${isFailing ? ', some requests failed' : ''}`
}

function foundInWords(row: Row): string {
  if (sum(row, missingRows) > 0) return `**${total(row, missingRows)} missing**`
  return sum(row, extraRows) > 0 ? `all there, and ${total(row, extraRows)} more` : 'all there'
}

/** `104 (98.1–120)`; a single repeat has no range. */
function spread(figure: Figure): string {
  const { median, range } = formatFigure(figure)
  return range === null ? median : `${median} (${range})`
}

function list(items: readonly string[]): string {
  return items.map(item => `- ${item}`).join('\n')
}

/** A table in Markdown; columns after the first are figures, unless they have words. */
function table(
  rows: readonly Row[],
  columns: readonly (readonly [heading: string, cell: (row: Row) => string])[],
): string {
  const head = columns.map(([heading]) => heading)
  const lines = rows.map(row => columns.map(([, cell]) => cell(row)))
  const isFigures = (column: number) => lines.every(line => /^(?:[\d(–]|$)/.test(line[column] ?? ''))
  const rule = head.map((_, column) => (column > 0 && isFigures(column) ? '--:' : '---'))
  const escaped = (cell: string) => cell.replaceAll('|', '\\|')
  return [head, rule, ...lines].map(cells => `| ${cells.map(escaped).join(' | ')} |`).join('\n')
}
