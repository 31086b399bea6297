import * as Plot from '@observablehq/plot'
import type { Figure, Sample } from '../../results.ts'
import { formatFigure, formatNumber, formatRepeats, shorten } from '../format.ts'
import { valueAxis } from './axes.ts'
import { colours } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { dots, inRows, insets, rowPlot, stems } from './rows.ts'

interface Row {
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
  const rows = samples.flatMap(sample => {
    const { ledger = null, naive = null } = sample.reportedCpuUs ?? {}
    const outside = sample.cpuPerRequestUs.api
    const truth = outside ?? ledger
    return naive === null || truth === null ? [] : [{ label: sample.label, ledger, naive, outside, truth }]
  })
  if (rows.length === 0) return null
  const hasLedger = rows.some(row => row.ledger !== null)
  const naive = rows.map(row => row.naive)
  const ledger = rows.map(row => row.ledger)
  const outside = rows.map(row => row.outside)
  const shown = [...naive, ...ledger].filter(figure => figure !== null)
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
      ...(hasLedger ? ['What the ledger leaves of it belongs to no single request.'] : []),
    ].join(' '),
    description: rows
      .map(({ label, naive, truth }) => `${label}: ${us(truth)} used, usual reading ${us(naive)}`)
      .join('; '),
    options: rowPlot({
      labels: rows.map(({ label }) => label),
      values: rows.map(({ naive, truth }) =>
        truth.median > 0 ? `× ${formatNumber(naive.median / truth.median, 2)}` : '',
      ),
      axis: valueAxis(
        [
          ...shown.flatMap(({ low, high }) => [low, high]),
          ...outside.flatMap(figure => figure?.median ?? []),
        ],
        'CPU reported for one request (µs)',
        10,
      ),
      marks: [
        stems(rows.map(({ truth, naive }) => [truth.median, naive.median])),
        Plot.tickX(inRows(outside), {
          y: 'row',
          x: mark => mark.figure.median,
          stroke: colours.ink,
          strokeWidth: 2,
          ...insets(-2),
        }),
        ...dots(inRows(naive), colours.naive, true),
        ...dots(inRows(ledger), colours.api),
      ],
    }),
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

/** How far apart the two readings are, in either direction; 0 where one of them is not positive. */
function distance({ naive, truth }: Row): number {
  return naive.median > 0 && truth.median > 0 ? Math.abs(Math.log(naive.median / truth.median)) : 0
}

function us(figure: Figure): string {
  return `${formatFigure(figure).median} µs`
}
