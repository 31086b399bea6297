import * as Plot from '@observablehq/plot'
import type { Figure, Sample } from '../../results.ts'
import { figureInText, formatFigure, formatNumber, formatRepeats, shorten } from '../format.ts'
import { valueAxisX } from './axes.ts'
import { colours } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { layOutRows, rowPlot, rowValues, whiskers } from './rows.ts'

/** The colours get paler towards the tail, so that the typical request is seen first. */
const percentiles = [
  { id: 'p50', colour: 'var(--p50)', text: 'p50: half are faster' },
  { id: 'p90', colour: 'var(--p90)', text: 'p90' },
  { id: 'p99', colour: 'var(--p99)', text: 'p99: one in a hundred is slower' },
] as const

/**
 * p50, p90 and p99 of each sample in which anything was answered, on a log scale. Null for fewer than two: a table
 * says it.
 */
export function latencyPercentiles(measured: readonly Sample[]): ReportPlot | null {
  const samples = measured.filter(({ throughputPerS }) => throughputPerS.high > 0)
  const fastest = samples.toSorted((a, b) => a.latencyMs.p99.median - b.latencyMs.p99.median)[0]
  const slowest = samples.toSorted((a, b) => b.latencyMs.p99.median - a.latencyMs.p99.median)[0]
  if (samples.length < 2 || fastest === undefined || slowest === undefined) return null
  const lowest = Math.min(...samples.map(sample => sample.latencyMs.p99.low))
  const highest = Math.max(...samples.map(sample => sample.latencyMs.p99.high))
  const isApart = fastest.latencyMs.p99.high < slowest.latencyMs.p99.low
  return {
    name: 'latency-percentiles',
    title: isApart
      ? `One request in a hundred takes longer than ${ms(fastest)} with “${shorten(fastest.label, 60)}”, ${ms(slowest)} with “${shorten(slowest.label, 60)}”`
      : `p99 latency does not differ beyond its spread: ${formatNumber(lowest)} to ${formatNumber(highest)} ms in every sample`,
    key: percentiles.map(({ colour, text }) => ({ colour, text })),
    note: `Latency as the load generator saw it; median of ${formatRepeats(samples.map(s => s.latencyMs.p99))}, whiskers from lowest to highest. Values at the right: p50 and p99.`,
    description: samples
      .map(
        s =>
          `${s.label}: p50 ${figureInText(s.latencyMs.p50, 'ms')}, p99 ${figureInText(s.latencyMs.p99, 'ms')}`,
      )
      .join('; '),
    draw: widthPx => draw(samples, widthPx),
  }
}

function ms(sample: Sample): string {
  return figureInText(sample.latencyMs.p99, 'ms')
}

function draw(samples: readonly Sample[], widthPx: number): Plot.PlotOptions {
  const rows = layOutRows(
    samples.map(sample => sample.label),
    { widthPx, valuesPx: 120 },
  )
  const marksOf = (id: (typeof percentiles)[number]['id']): { row: number; figure: Figure }[] =>
    samples.map((sample, row) => ({ row, figure: sample.latencyMs[id] }))
  const values = samples.flatMap(({ latencyMs: { p50, p90, p99 } }) =>
    [p50, p90, p99].flatMap(f => [f.low, f.median, f.high]),
  )
  const axis = valueAxisX(values, 'latency (ms)', rows.innerWidthPx, 4)
  return rowPlot(rows, axis.scale, [
    ...axis.marks,
    Plot.ruleY(samples.keys(), {
      y: row => row,
      x1: row => samples[row]?.latencyMs.p50.median,
      x2: row => samples[row]?.latencyMs.p99.median,
      stroke: colours.muted,
      strokeOpacity: 0.5,
      dy: rows.dy,
    }),
    ...percentiles
      .toReversed()
      .flatMap(({ id, colour }) => [
        ...whiskers(marksOf(id), rows, colour),
        Plot.dot(marksOf(id), { y: 'row', x: m => m.figure.median, r: 4.5, fill: colour, dy: rows.dy }),
      ]),
    rowValues(
      samples.map(({ latencyMs: { p50, p99 } }, row) => ({
        row,
        x: p99.high,
        text: `${formatFigure(p50).median} … ${formatFigure(p99).median} ms`,
      })),
      rows,
    ),
  ])
}
