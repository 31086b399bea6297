import * as Plot from '@observablehq/plot'
import { medianRepeat } from '../../analysis/figures.ts'
import type { Figure, Sample } from '../../results.ts'
import { formatNumber, shorten } from '../format.ts'
import { valueAxisX } from './axes.ts'
import { colours, ledgerEntries } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { layOutRows, rowPlot, rowValues } from './rows.ts'

interface Row {
  row: number
  label: string
  parts: { entry: string; colour: string; text: string; x1: number; x2: number }[]
  sumUs: number
  outsideUs: number
  /** The largest relative difference of the two in a repeat. */
  deviation: number
}

/**
 * The ledger compared with the process: what requests were charged and what belongs to no request, stacked,
 * and the CPU of the process per request read from outside. All are from one repeat, because medians of parts
 * do not add up to the median of the whole. null where no sample has both.
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
      'Bars: what the service’s ledger counted, per finished request. Vertical line: CPU of the API process per answered ' +
      'request, read from outside. Both are from the repeat whose process CPU is the median. Values: sum of the ledger | process.',
    description: rows
      .map(
        ({ label, parts: own, outsideUs }) =>
          `${label}: ${own.map(({ text, x1, x2 }) => `${text} ${us(x2 - x1)}`).join(', ')}; process ${us(outsideUs)}`,
      )
      .join('; '),
    draw: widthPx => draw(rows, widthPx),
  }
}

/** Above this difference the two disagree. */
const agreement = 0.1

function titleOf(rows: readonly Row[]): string {
  const worst = rows.toSorted((a, b) => b.deviation - a.deviation)[0]
  if (worst === undefined) return ''
  const size = `${formatNumber(100 * worst.deviation, 2)} %`
  const where = rows.length > 1 ? `, most with “${shorten(worst.label, 60)}”` : ''
  return worst.deviation <= agreement
    ? `The ledger accounts for the CPU of the process to within ${size}${where}`
    : `The ledger and the CPU of the process differ by up to ${size}${where}`
}

function toRow({ label, ledgerUs, cpuPerRequestUs: { api: outside } }: Sample): Omit<Row, 'row'>[] {
  if (ledgerUs === undefined || outside === null || outside.low <= 0) return []
  const entries = Object.entries(ledgerUs).filter(([, { high }]) => high > 0)
  if (entries.length === 0) return []
  const shown = medianRepeat(outside)
  let sumUs = 0
  const parts = entries.map(([entry, figure]) => {
    const x1 = sumUs
    sumUs += inRepeat(figure, shown)
    const { colour = colours.muted, text = shorten(entry, 40) } = ledgerEntries.get(entry) ?? {}
    return { entry, colour, text, x1, x2: sumUs }
  })
  const repeats = outside.values?.length ? [...outside.values.keys()] : [null]
  const deviations = repeats.map(repeat => {
    const sum = entries.reduce((us, [, figure]) => us + inRepeat(figure, repeat), 0)
    return Math.abs(sum / inRepeat(outside, repeat) - 1)
  })
  return [{ label, parts, sumUs, outsideUs: inRepeat(outside, shown), deviation: Math.max(...deviations) }]
}

/** The median where no repeats are known. */
function inRepeat({ median, values = [] }: Figure, repeat: number | null): number {
  return repeat === null ? median : (values[repeat] ?? median)
}

function us(value: number): string {
  return `${formatNumber(value)} µs`
}

function draw(data: readonly Row[], widthPx: number): Plot.PlotOptions {
  const rows = layOutRows(
    data.map(row => row.label),
    { widthPx, valuesPx: 120 },
  )
  const ends = data.map(row => Math.max(row.sumUs, row.outsideUs))
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
        title: part => `${part.text}: ${us(part.x2 - part.x1)}`,
      },
    ),
    Plot.tickX(data, {
      y: 'row',
      x: 'outsideUs',
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
        text: `${formatNumber(row.sumUs)} | ${us(row.outsideUs)}`,
      })),
      rows,
    ),
  ])
}
