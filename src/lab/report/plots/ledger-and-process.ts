import * as Plot from '@observablehq/plot'
import type { Figure, Sample } from '../../results.ts'
import { formatFigure, formatNumber, formatRepeats, shorten } from '../format.ts'
import { valueAxisX } from './axes.ts'
import { colours, ledgerEntries } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { layOutRows, rowPlot, rowValues } from './rows.ts'

interface Row {
  row: number
  label: string
  parts: { entry: string; colour: string; text: string; figure: Figure; x1: number; x2: number }[]
  sum: number
  outside: Figure
}

/**
 * The ledger held against the process: what requests were charged and what belongs to none, stacked, beside
 * the process's CPU per request read from outside. null where no sample has both.
 */
export function ledgerAndProcess(samples: readonly Sample[]): ReportPlot | null {
  const rows = samples.flatMap(toRow).map((row, i) => ({ ...row, row: i }))
  if (rows.length === 0) return null
  const parts = rows.flatMap(row => row.parts)
  const keys = new Map(parts.map(({ entry, colour, text }) => [entry, { colour, text }]))
  return {
    name: 'ledger-and-process',
    title: titleOf(rows),
    key: [...keys.values()],
    note:
      `What the service’s ledger says it charged, over the requests it finished; median of ${formatRepeats(parts.map(({ figure }) => figure))}. ` +
      'Upright stroke: CPU of the API process over answered requests, read from outside. Values: ledger’s sum and process.',
    description: rows
      .map(
        ({ label, parts: own, outside }) =>
          `${label}: ${own.map(({ text, figure }) => `${text} ${us(figure)}`).join(', ')}; process ${us(outside)}`,
      )
      .join('; '),
    draw: widthPx => draw(rows, widthPx),
  }
}

/** Beyond it the two do not tell the same story. */
const agreement = 0.1

function titleOf(rows: readonly Row[]): string {
  const worst = rows.toSorted((a, b) => deviation(b) - deviation(a))[0]
  if (worst === undefined) return ''
  const size = `${formatNumber(100 * deviation(worst), 2)} %`
  const where = rows.length > 1 ? `, the worst with “${shorten(worst.label, 60)}”` : ''
  return deviation(worst) <= agreement
    ? `The ledger accounts for all of the process’s CPU to within ${size}${where}`
    : `The ledger and the process’s CPU differ by up to ${size}${where}`
}

function toRow(sample: Sample): Omit<Row, 'row'>[] {
  const outside = sample.cpuPerRequestUs.api
  if (sample.ledgerUs === undefined || outside === null || outside.median <= 0) return []
  let sum = 0
  const parts = Object.entries(sample.ledgerUs).flatMap(([entry, figure]) => {
    if (figure.high <= 0) return []
    const x1 = sum
    sum += figure.median
    const { colour = colours.muted, text = shorten(entry, 40) } = ledgerEntries.get(entry) ?? {}
    return [{ entry, colour, text, figure, x1, x2: sum }]
  })
  return parts.length === 0 ? [] : [{ label: sample.label, parts, sum, outside }]
}

function deviation({ sum, outside }: Row): number {
  return Math.abs(sum / outside.median - 1)
}

function us(figure: Figure): string {
  return `${formatFigure(figure).median} µs`
}

function draw(data: readonly Row[], widthPx: number): Plot.PlotOptions {
  const rows = layOutRows(
    data.map(row => row.label),
    { widthPx, valuesPx: 120 },
  )
  const ends = data.map(row => Math.max(row.sum, row.outside.median))
  const axis = valueAxisX(ends, 'API CPU per request (µs)', rows.innerWidthPx)
  const inset = rows.barInset - 3
  return rowPlot(rows, axis.scale, [
    ...axis.marks,
    Plot.barX(
      data.flatMap(row => row.parts.map(part => ({ ...part, row: row.row }))),
      {
        y: 'row',
        x1: 'x1',
        x2: 'x2',
        fill: 'colour',
        insetTop: rows.barInset,
        insetBottom: rows.barInset,
        insetRight: 1,
        dy: rows.dy,
        title: part => `${part.text}: ${us(part.figure)}`,
      },
    ),
    Plot.tickX(data, {
      y: 'row',
      x: row => row.outside.median,
      stroke: colours.ink,
      strokeWidth: 2,
      insetTop: inset,
      insetBottom: inset,
      dy: rows.dy,
    }),
    rowValues(
      data.map((row, i) => ({
        row: row.row,
        x: ends[i] ?? 0,
        text: `${formatNumber(row.sum)} | ${us(row.outside)}`,
      })),
      rows,
    ),
  ])
}
