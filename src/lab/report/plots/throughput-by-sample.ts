import * as Plot from '@observablehq/plot'
import type { Sample } from '../../results.ts'
import { figureInText, formatFigure, formatNumber, formatRepeats, shorten } from '../format.ts'
import { valueAxisX } from './axes.ts'
import { colours } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { layOutRows, rowPlot, rowValues, whiskers } from './rows.ts'

/** Throughput of samples that are not steps of one sweep. Null for fewer than two. */
export function throughputBySample(samples: readonly Sample[]): ReportPlot | null {
  const sorted = samples.toSorted((a, b) => b.throughputPerS.median - a.throughputPerS.median)
  const most = sorted[0]
  const least = sorted.at(-1)
  if (samples.length < 2 || most === undefined || least === undefined) return null
  const lowest = Math.min(...samples.map(sample => sample.throughputPerS.low))
  const highest = Math.max(...samples.map(sample => sample.throughputPerS.high))
  const isApart = least.throughputPerS.high < most.throughputPerS.low
  return {
    name: 'throughput-by-sample',
    title: isApart
      ? `Throughput: ${rate(most)} with “${shorten(most.label, 60)}”, ${rate(least)} with “${shorten(least.label, 60)}”`
      : `No difference in throughput beyond the spread of the repeats: ${formatNumber(lowest)} to ${formatNumber(highest)} req/s`,
    key: [],
    note: `Answered requests a second; median of ${formatRepeats(samples.map(s => s.throughputPerS))}, whiskers from lowest to highest.`,
    description: samples.map(s => `${s.label}: ${rate(s)}`).join('; '),
    draw: widthPx => draw(samples, widthPx),
  }
}

function rate(sample: Sample): string {
  return figureInText(sample.throughputPerS, 'req/s')
}

function draw(samples: readonly Sample[], widthPx: number): Plot.PlotOptions {
  const rows = layOutRows(
    samples.map(sample => sample.label),
    { widthPx, valuesPx: 110 },
  )
  const data = samples.map(({ throughputPerS: figure }, row) => ({ row, figure }))
  const axis = valueAxisX(
    data.map(({ figure }) => figure.high),
    'throughput (req/s)',
    rows.innerWidthPx,
  )
  return rowPlot(rows, axis.scale, [
    ...axis.marks,
    Plot.ruleY(data, {
      y: 'row',
      x1: 0,
      x2: d => d.figure.median,
      stroke: colours.muted,
      strokeOpacity: 0.5,
      dy: rows.dy,
    }),
    ...whiskers(data, rows),
    Plot.dot(data, { y: 'row', x: d => d.figure.median, r: 5, fill: colours.ink, dy: rows.dy }),
    rowValues(
      data.map(({ row, figure }) => ({
        row,
        x: figure.high,
        text: `${formatFigure(figure).median} req/s`,
      })),
      rows,
    ),
  ])
}
