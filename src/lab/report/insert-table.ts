/**
 * The insert table: what a durable row costs on each stack of the experiment `peers`, as a page for `docs/` and its
 * picture. Pure: all that it says comes from the results.
 */
import { apart, ratio } from '../analysis/figures.ts'
import { extraRows, missingRows } from '../analysis/row-audit.ts'
import type { ExperimentResult, Figure, Manifest, Results, RowAudit, Sample } from '../results.ts'
import { formatFigure, formatInstant, formatNumber, formatRepeats, scaleFigure } from './format.ts'
import { type Cost, insertTablePlot } from './plots/cpu-by-process.ts'
import { standaloneSvg } from './plots/standalone-svg.ts'

const busy = 64
const manyRows = 10

/** Everything that was measured of one stack. */
interface Row {
  readonly stack: string
  readonly language: string
  readonly versions: string
  readonly one: Sample
  readonly oneAlone: Sample | undefined
  readonly ten: Sample | undefined
  readonly tenAlone: Sample | undefined
  readonly bulk: Sample | undefined
  readonly samples: readonly Sample[]
}

/** The page and the picture; null where the results have no insert of one row from many connections. */
export function insertTable(results: Results): { markdown: string; svg: string } | null {
  const experiment = results.experiments.find(({ name }) => name === 'peers')
  const rows = experiment === undefined ? [] : rowsOf(experiment, results.manifest)
  if (experiment === undefined || rows.length === 0) return null
  const costs: Cost[] = rows.flatMap(({ stack, one }) => {
    const { api, database } = one.cpuPerRequestUs
    return api === null ? [] : [{ label: stack, api, database }]
  })
  return {
    markdown: page(results, experiment, rows),
    svg: standaloneSvg(insertTablePlot(costs)),
  }
}

/** The stacks from the cheapest to the most expensive row, by the CPU of the API. */
function rowsOf({ samples }: ExperimentResult, { node }: Manifest): Row[] {
  const byStack = Map.groupBy(samples, ({ knobs }) => String(knobs['stack']))
  const rows = [...byStack].flatMap(([stack, all]): Row[] => {
    const find = (rows: number, connections: number, isBulk = false) =>
      all.find(
        ({ knobs, load }) =>
          knobs['rows'] === rows && load.connections === connections && 'bulk' in knobs === isBulk,
      )
    const one = find(1, busy)
    if (one === undefined || one.cpuPerRequestUs.api === null) return []
    const versions = one.versions ?? `Node ${node.replace(/^v/, '')}`
    return [
      {
        ...{ stack, versions, one, samples: all, language: versions.split(' ')[0] ?? '' },
        ...{ oneAlone: find(1, 1), ten: find(manyRows, busy), tenAlone: find(manyRows, 1) },
        bulk: find(manyRows, busy, true),
      },
    ]
  })
  return rows.toSorted((a, b) => apiUs(a) - apiUs(b))
}

function apiUs({ one }: Row): number {
  return one.cpuPerRequestUs.api?.median ?? 0
}

function page(results: Results, { repeat }: ExperimentResult, rows: readonly Row[]): string {
  const { manifest: machine, startedAt, complete } = results
  const durationS = rows[0]?.one.load.durationS ?? 0
  const figures = rows.flatMap(({ one }) => one.cpuPerRequestUs.api ?? [])
  return `${[
    '# The insert table: what a durable row costs',
    `CPU of one insert, answered after the row is on disk, on ${rows.length} stacks, from one run. The code of each is in [deploy/peers](../deploy/peers/README.md); each file names the page of the documentation that it follows. This page and its picture are written by \`npm run lab -- insert-table <result>\`; do not edit them.`,
    `![CPU per durable row on each stack](insert-table.svg)`,
    `Figures are CPU in µs per durable row: the median of ${formatRepeats(figures)}, in brackets the lowest and the highest. Compare ratios, not absolute figures: another machine has other figures, and so has this one at another hour. The order of two stacks is certain only where their ranges do not overlap.`,
    ...(complete ? [] : ['**The run was interrupted: some repeats are missing.**']),
    '## In words',
    list(sentences(rows)),
    '## One row a request',
    'From the least CPU of the API to the most. "Alone" is one connection, where nothing shares a wake-up, a flush or a system call.',
    table(
      ['stack', 'API', 'PostgreSQL', 'requests/s', 'API, alone', 'PostgreSQL, alone'],
      rows.map(({ stack, one, oneAlone }) => [
        stack,
        perRow(one, 'api'),
        perRow(one, 'database'),
        spread(one.throughputPerS),
        perRow(oneAlone, 'api'),
        perRow(oneAlone, 'database'),
      ]),
    ),
    `## ${manyRows} rows a request, per row`,
    `First ${manyRows} statements in one transaction, then one statement for all rows where the data layer has one: what one change of code brings without another stack. The batched stacks put the rows of all waiting requests into one statement by themselves.`,
    table(
      [
        'stack',
        'API',
        'PostgreSQL',
        'API, alone',
        'the one statement',
        'API',
        'PostgreSQL',
        'API: times less',
      ],
      rows.map(row => [
        row.stack,
        perRow(row.ten, 'api'),
        perRow(row.ten, 'database'),
        perRow(row.tenAlone, 'api'),
        row.bulk === undefined ? '–' : `\`${String(row.bulk.knobs['bulk'])}\``,
        perRow(row.bulk, 'api'),
        perRow(row.bulk, 'database'),
        orNone(gainOf(row)),
      ]),
    ),
    '## Where the CPU of the API goes, by package',
    `µs of one row at ${busy} connections, the largest parts. Each stack was profiled once, in a window of its own after the first measured one, and its shares were scaled to that window. ${samplers}`,
    table(
      ['stack', 'parts'],
      rows.map(row => [row.stack, parts(row)]),
    ),
    '## Every row is in the table',
    'After each measured window the table must have at least the rows that were answered for. Then 64 requests are sent, all answers awaited, and the table must have grown by exactly their rows and have the ids that were answered. A row too many is not lost: it may be of a request of the load whose client had gone.',
    table(
      [
        'stack',
        'answered for in the windows',
        'in the table, with warm-up',
        'answered for',
        'grown by',
        'ids found',
        '',
      ],
      rows.map(auditLine),
    ),
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
    table(
      ['stack', 'runs on'],
      rows.map(({ stack, versions }) => [stack, versions]),
    ),
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

/** How many times less CPU the one statement costs; null: not measured. */
function gainOf({ ten, bulk }: Row): Figure | null {
  const [before, after] = [costOf(ten, 'api'), costOf(bulk, 'api')]
  return before === null || after === null ? null : ratio(before, after)
}

/** What the figures say, as ratios. */
function sentences(rows: readonly Row[]): string[] {
  const languages = [...Map.groupBy(rows, ({ language }) => language)].filter(([, all]) => all.length > 1)
  const [least, most] = [rows[0], rows.at(-1)]
  return [
    ...(least && most && least !== most ? [versus('Of all stacks', least, most)] : []),
    ...languages.flatMap(([language, all]) => {
      const first = all[0]
      const last = all.at(-1)
      return first && last ? [versus(`In ${language}`, first, last)] : []
    }),
    ...gains(rows),
  ]
}

function versus(where: string, least: Row, most: Row): string {
  const [a, b] = [costOf(least.one, 'api'), costOf(most.one, 'api')]
  if (a === null || b === null) return ''
  const certainty = apart(a, b) ? '' : ' Their ranges overlap.'
  return `${where}, a row of ${most.stack} costs the API ${spread(ratio(b, a))} times the CPU of a row of ${least.stack}.${certainty}`
}

/** What the one statement brings at least and at most. */
function gains(rows: readonly Row[]): string[] {
  const known = rows
    .flatMap(row => {
      const gain = gainOf(row)
      return gain === null ? [] : [{ stack: row.stack, gain }]
    })
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

function auditLine({ stack, samples }: Row): string[] {
  const audits = samples.flatMap(({ audit }) => audit ?? [])
  const sum = (of: keyof (typeof audits)[number]) => grouped(audits.reduce((all, one) => all + one[of], 0))
  const failed = samples.reduce((most, { errors }) => Math.max(most, errors.ratio.high), 0)
  const total = (of: (audit: RowAudit) => number) => audits.reduce((all, one) => all + of(one), 0)
  return [
    stack,
    sum('windowRows'),
    sum('windowFound'),
    sum('exactRows'),
    sum('exactFound'),
    `${sum('idsFound')} of ${sum('ids')}`,
    [
      audits.length === 0 ? 'not checked' : verdict(total(missingRows), total(extraRows)),
      ...(failed > 0 ? ['some requests failed'] : []),
    ].join(', '),
  ]
}

function verdict(missing: number, extra: number): string {
  if (missing > 0) return `**${grouped(missing)} missing**`
  return extra > 0 ? `all there, and ${grouped(extra)} more` : 'all there'
}

function grouped(count: number): string {
  return count.toLocaleString('en-US')
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
function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const isFigures = (column: number) => lines.every(line => /^(?:[\d(–]|$)/.test(line[column] ?? ''))
  const rule = head.map((_, column) => (column > 0 && isFigures(column) ? '--:' : '---'))
  return [head, rule, ...lines].map(cells => `| ${cells.map(escaped).join(' | ')} |`).join('\n')
}

function escaped(cell: string): string {
  return cell.replaceAll('|', '\\|')
}
