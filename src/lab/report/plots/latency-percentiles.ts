import type { Sample } from '../../results.ts'
import { formatFigure, formatRepeats } from '../format.ts'
import { valueAxis } from './axes.ts'
import type { ReportPlot } from './report-plot.ts'
import { comparison, described, dots, inRows, rowPlot, stems } from './rows.ts'

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
  if (samples.length < 2) return null
  const latencies = samples.map(({ latencyMs }) => latencyMs)
  const tails = samples.map(({ label, latencyMs: { p99 } }) => ({ label, figure: p99 }))
  const figures = latencies.flatMap(({ p50, p90, p99 }) => [p50, p90, p99])
  return {
    name: 'latency-percentiles',
    title: comparison('latency at p99', 'ms', tails),
    key: percentiles.map(({ colour, text }) => ({ colour, text })),
    note: `Latency as the load generator saw it; median of ${formatRepeats(latencies.map(({ p99 }) => p99))}, whiskers from lowest to highest. Values at the right: p50 and p99.`,
    description: described(tails, 'ms'),
    options: rowPlot({
      labels: samples.map(({ label }) => label),
      values: latencies.map(({ p50, p99 }) => `${formatFigure(p50).median} … ${formatFigure(p99).median} ms`),
      axis: valueAxis(
        figures.flatMap(({ low, high }) => [low, high]),
        'latency (ms)',
        4,
      ),
      marks: [
        stems(latencies.map(({ p50, p99 }) => [p50.median, p99.median])),
        ...percentiles
          .toReversed()
          .flatMap(({ id, colour }) => dots(inRows(latencies.map(latency => latency[id])), colour)),
      ],
    }),
  }
}
