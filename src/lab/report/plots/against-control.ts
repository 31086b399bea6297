import * as Plot from '@observablehq/plot'
import { cpuOverControl } from '../../analysis/demand.ts'
import { apart } from '../../analysis/figures.ts'
import { change, signedPercent } from '../../analysis/wording.ts'
import type { Figure, Sample } from '../../results.ts'
import { shorten } from '../format.ts'
import { axisMarksX } from './axes.ts'
import { colours } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { layOutRows, roomForPx, rowPlot, rowValues, whiskers } from './rows.ts'

interface Row {
  row: number
  label: string
  /** CPU of a request over that of a request to the control, pair by pair. */
  times: Figure
}

/** What a request costs the API, against the control. Null where no sample has a control. */
export function againstControl(samples: readonly Sample[]): ReportPlot | null {
  const rows = samples
    .flatMap(sample => {
      const times = cpuOverControl(sample)
      return times === null || times.low <= 0 ? [] : [{ label: sample.label, times }]
    })
    .map((row, i) => ({ ...row, row: i }))
  if (rows.length === 0) return null
  return {
    name: 'against-control',
    title: titleOf(rows),
    key: [
      { colour: colours.api, text: 'median' },
      { colour: colours.api, text: 'each pair of windows', hollow: true },
    ],
    note: [
      `API CPU per answered request, divided by that of the control. The load goes to the service and to its control in turn; ${pairsOf(rows)}.`,
      'At the vertical line both cost the same.',
    ].join(' '),
    description: rows.map(({ label, times }) => `${label}: ${change(times)}`).join('; '),
    draw: widthPx => draw(rows, widthPx),
  }
}

function pairsOf(rows: readonly Row[]): string {
  const counts = rows.map(({ times }) => times.repeats)
  const [fewest, most] = [Math.min(...counts), Math.max(...counts)]
  return fewest === most ? `${most} pairs of windows` : `${fewest} to ${most} pairs of windows`
}

function titleOf(rows: readonly Row[]): string {
  const sorted = rows.toSorted((a, b) => a.times.median - b.times.median)
  const [least, most] = [sorted[0], sorted.at(-1)]
  if (least === undefined || most === undefined || rows.length === 1)
    return `A request costs ${least ? change(least.times) : '?'} CPU, compared with the control`
  if (!apart(least.times, most.times))
    return 'The samples do not differ beyond their spread in what a request costs, compared with the control'
  return `CPU of a request, compared with the control: from ${change(least.times)} with “${shorten(least.label, 60)}” to ${change(most.times)} with “${shorten(most.label, 60)}”`
}

/** Changes that an axis may name, as ratios. */
const namedRatios = [0.1, 0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 5, 10]
const tickRoomPx = 44

function draw(data: readonly Row[], widthPx: number): Plot.PlotOptions {
  const values = data.map(({ row, times }) => ({ row, x: times.high, text: signedPercent(times.median - 1) }))
  const rows = layOutRows(
    data.map(row => row.label),
    { widthPx, valuesPx: roomForPx(values.map(({ text }) => text)) },
  )
  const domain: [number, number] = [
    Math.min(0.95, ...data.map(({ times }) => times.low / 1.02)),
    Math.max(1.15, ...data.map(({ times }) => times.high * 1.02)),
  ]
  const ticks = spacedTicks(domain, rows.innerWidthPx)
  const figures = data.map(({ row, times: figure }) => ({ row, figure }))
  const repeats = data.flatMap(({ row, times: { values: each = [] } }) => each.map(x => ({ row, x })))
  return rowPlot(rows, { type: 'log', domain }, [
    ...axisMarksX('more CPU per request (%), log scale', ticks, ratio =>
      ratio === 1 ? '0' : signedPercent(ratio - 1),
    ),
    Plot.ruleX([1], { stroke: colours.muted, strokeWidth: 1.5 }),
    ...whiskers(figures, rows, colours.api),
    Plot.dot(repeats, {
      y: 'row',
      x: 'x',
      r: 3.5,
      fill: colours.page,
      stroke: colours.api,
      strokeWidth: 1.5,
      dy: rows.dy,
    }),
    Plot.dot(figures, { y: 'row', x: d => d.figure.median, r: 4.5, fill: colours.api, dy: rows.dy }),
    rowValues(values, rows),
  ])
}

/** The tick of no change, then those around it as far as there is room. */
function spacedTicks([low, high]: readonly [number, number], lengthPx: number): number[] {
  const px = (ratio: number) => (Math.log(ratio / low) / Math.log(high / low)) * lengthPx
  const kept = [1]
  for (const ratio of namedRatios.toSorted((a, b) => Math.abs(Math.log(a)) - Math.abs(Math.log(b)))) {
    const isWithin = ratio >= low && ratio <= high
    if (isWithin && kept.every(other => Math.abs(px(ratio) - px(other)) >= tickRoomPx)) kept.push(ratio)
  }
  return kept
}
