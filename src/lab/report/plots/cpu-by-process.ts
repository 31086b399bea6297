import * as Plot from '@observablehq/plot'
import type { Figure, Sample } from '../../results.ts'
import { figureInText, formatNumber, formatRepeats, formatSum, shorten } from '../format.ts'
import { valueAxisX } from './axes.ts'
import { processes } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { layOutRows, rowPlot, rowValues, whiskersOnBars } from './rows.ts'

interface Row {
  row: number
  label: string
  api: Figure
  parts: { id: string; colour: string; figure: Figure | null; x1: number; x2: number }[]
}

/**
 * CPU per request as stacked bars, one a sample: API, PostgreSQL, load generator. Null where no sample has
 * the API's figure.
 */
export function cpuByProcess(samples: readonly Sample[]): ReportPlot | null {
  const rows = samples.flatMap(toRow).map((row, i) => ({ ...row, row: i }))
  if (rows.length === 0) return null
  const shown = processes.filter(process =>
    rows.some(row => row.parts.some(part => part.id === process.id && part.figure !== null)),
  )
  const hasGap = rows.some(row => row.parts.some(part => part.figure === null))
  return {
    name: 'cpu-by-process',
    title: titleOf(rows),
    key: shown.map(process => ({ colour: process.colour, text: process.name })),
    note: [
      `CPU time of each process tree, divided by the answered requests; median of ${formatRepeats(rows.map(row => row.api))}.`,
      'Whiskers: lowest and highest repeat of the API.',
      ...(hasGap ? ['“?” was not measured.'] : []),
    ].join(' '),
    description: rows.map(row => `${row.label}: API ${figureInText(row.api, 'µs')}`).join('; '),
    draw: widthPx => draw(rows, widthPx),
  }
}

function toRow(sample: Sample): Omit<Row, 'row'>[] {
  const { api } = sample.cpuPerRequestUs
  if (api === null) return []
  let end = 0
  const parts = processes.map(({ id, colour }) => {
    const figure = sample.cpuPerRequestUs[id]
    const x1 = end
    end += figure?.median ?? 0
    return { id, colour, figure, x1, x2: end }
  })
  return [{ label: sample.label, api, parts }]
}

function titleOf(rows: readonly Row[]): string {
  const sorted = rows.toSorted((a, b) => a.api.median - b.api.median)
  const least = sorted[0]
  const most = sorted.at(-1)
  if (least === undefined || most === undefined || rows.length === 1)
    return `A request costs the API ${least ? figureInText(least.api, 'µs') : '?'} of CPU`
  const lowest = Math.min(...rows.map(row => row.api.low))
  const highest = Math.max(...rows.map(row => row.api.high))
  if (least.api.high >= most.api.low)
    return `No difference in API CPU per request beyond the spread of the repeats: ${formatNumber(lowest)} to ${formatNumber(highest)} µs`
  return `API CPU per request: from ${figureInText(least.api, 'µs')} with “${shorten(least.label, 60)}” to ${figureInText(most.api, 'µs')} with “${shorten(most.label, 60)}”`
}

function draw(data: readonly Row[], widthPx: number): Plot.PlotOptions {
  const rows = layOutRows(
    data.map(row => row.label),
    { widthPx, valuesPx: 165 },
  )
  const totals = data.map(row => ({
    row: row.row,
    x: Math.max(row.parts.at(-1)?.x2 ?? 0, row.api.high),
    text: `${formatSum(row.parts.map(part => part.figure))} µs`,
  }))
  const axis = valueAxisX(
    totals.map(total => total.x),
    'CPU per request (µs)',
    rows.innerWidthPx,
  )
  return rowPlot(rows, axis.scale, [
    ...axis.marks,
    Plot.barX(
      data
        .flatMap(row => row.parts.map(part => ({ ...part, row: row.row })))
        .filter(part => part.x2 > part.x1),
      {
        y: 'row',
        x1: 'x1',
        x2: 'x2',
        fill: 'colour',
        insetTop: rows.barInset,
        insetBottom: rows.barInset,
        insetRight: 1,
        dy: rows.dy,
      },
    ),
    ...whiskersOnBars(
      data.map(row => ({ row: row.row, figure: row.api })),
      rows,
    ),
    rowValues(totals, rows),
  ])
}
