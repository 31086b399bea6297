import * as Plot from '@observablehq/plot'
import type { Figure, Sample } from '../../results.ts'
import { formatFigure, formatNumber, formatRepeats, shorten } from '../format.ts'
import { valueAxisX } from './axes.ts'
import { colours } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { layOutRows, rowPlot, rowValues, whiskers } from './rows.ts'

interface Row {
  row: number
  label: string
  naive: Figure
  /** null where the service keeps no ledger. */
  ledger: Figure | null
  /** CPU of the process over answered requests, read from outside. */
  outside: Figure | null
  /** What the usual reading is held against: the process seen from outside, which needs no
   *  trust in the service and flatters the usual reading (it holds work of no request too), or else the ledger. */
  truth: Figure
}

/** Below this ratio the two readings are said to agree. */
const agreement = 1.25

/**
 * CPU of a request by the usual reading (`process.cpuUsage()` at its start and end), by the ledger, and by
 * the process. Null where no sample has the usual reading and another one to compare.
 */
export function naiveAndLedger(samples: readonly Sample[]): ReportPlot | null {
  const rows = samples
    .flatMap(sample => {
      const { ledger = null, naive = null } = sample.reportedCpuUs ?? {}
      const outside = sample.cpuPerRequestUs.api
      const truth = outside ?? ledger
      return naive === null || truth === null ? [] : [{ label: sample.label, ledger, naive, outside, truth }]
    })
    .map((row, i) => ({ ...row, row: i }))
  if (rows.length === 0) return null
  const hasLedger = rows.some(row => row.ledger !== null)
  return {
    name: 'naive-and-ledger',
    title: titleOf(rows),
    key: [
      ...(hasLedger ? [{ colour: colours.api, text: 'ledger: this request’s own CPU' }] : []),
      {
        colour: colours.naive,
        text: 'usual reading: process CPU from start to end of the request',
        hollow: true,
      },
    ],
    note: [
      `Median of ${formatRepeats(rows.flatMap(row => [row.truth, row.naive]))}, whiskers from lowest to highest.`,
      'Vertical line: CPU of the API process per answered request, read from outside.',
      coverageOf(rows),
    ].join(' '),
    description: rows
      .map(({ label, naive, truth }) => `${label}: ${us(truth)} used, usual reading ${us(naive)}`)
      .join('; '),
    draw: widthPx => draw(rows, widthPx),
  }
}

function titleOf(rows: readonly Row[]): string {
  const worst = rows.toSorted((a, b) => distance(b) - distance(a))[0]
  if (worst === undefined || distance(worst) < Math.log(agreement))
    return 'The usual reading of CPU per request is right here'
  const source = worst.outside === null ? 'the ledger says' : 'the process used'
  const sizes = `${us(worst.naive)} where ${source} ${us(worst.truth)} (${shorten(worst.label, 60)})`
  const ratio = worst.naive.median / worst.truth.median
  return ratio > 1
    ? `The usual reading overstates a request’s CPU up to ${formatNumber(ratio, 2)} times: ${sizes}`
    : `The usual reading misses part of a request’s CPU: ${sizes}`
}

/** How much of the process's CPU the ledger gives to requests; empty where that is not known. */
function coverageOf(rows: readonly Row[]): string {
  const shares = rows.flatMap(({ ledger, outside }) =>
    ledger !== null && outside !== null && outside.median > 0 ? [(100 * ledger.median) / outside.median] : [],
  )
  if (shares.length === 0) return ''
  const [low, high] = [Math.min(...shares), Math.max(...shares)].map(share => Math.round(share))
  const range = low === high ? `${low}` : `${low} to ${high}`
  return `The ledger charges ${range} % of it to requests; the rest belongs to no single request.`
}

/** How far apart the two readings are, in either direction; 0 where one of them is not positive. */
function distance({ naive, truth }: Row): number {
  return naive.median > 0 && truth.median > 0 ? Math.abs(Math.log(naive.median / truth.median)) : 0
}

function us(figure: Figure): string {
  return `${formatFigure(figure).median} µs`
}

function draw(data: readonly Row[], widthPx: number): Plot.PlotOptions {
  const rows = layOutRows(
    data.map(row => row.label),
    { widthPx, valuesPx: 80 },
  )
  const naive = data.map(row => ({ row: row.row, figure: row.naive }))
  const ledger = data.flatMap(row => (row.ledger === null ? [] : [{ row: row.row, figure: row.ledger }]))
  const outside = data.flatMap(row => (row.outside === null ? [] : [{ row: row.row, figure: row.outside }]))
  const values = [
    ...[...naive, ...ledger].flatMap(({ figure }) => [figure.low, figure.median, figure.high]),
    ...outside.map(({ figure }) => figure.median),
  ]
  const axis = valueAxisX(values, 'CPU reported for one request (µs)', rows.innerWidthPx, 10)
  const inset = rows.barInset - 2
  const dot = { y: 'row', x: (mark: { figure: Figure }) => mark.figure.median, r: 4.5, dy: rows.dy }
  return rowPlot(rows, axis.scale, [
    ...axis.marks,
    Plot.ruleY(data, {
      y: 'row',
      x1: row => row.truth.median,
      x2: row => row.naive.median,
      stroke: colours.muted,
      strokeOpacity: 0.5,
      dy: rows.dy,
    }),
    Plot.tickX(outside, {
      y: 'row',
      x: mark => mark.figure.median,
      stroke: colours.ink,
      strokeWidth: 2,
      insetTop: inset,
      insetBottom: inset,
      dy: rows.dy,
    }),
    ...whiskers(naive, rows, colours.naive),
    ...whiskers(ledger, rows, colours.api),
    Plot.dot(naive, { ...dot, fill: colours.page, stroke: colours.naive, strokeWidth: 2 }),
    Plot.dot(ledger, { ...dot, fill: colours.api }),
    rowValues(
      data
        .filter(row => row.truth.median > 0)
        .map(row => ({
          row: row.row,
          x: Math.max(row.naive.high, row.truth.high, row.ledger?.high ?? 0),
          text: `× ${formatNumber(row.naive.median / row.truth.median, 2)}`,
        })),
      rows,
    ),
  ])
}
