import type { Sample } from '../../results.ts'
import { formatFigure, formatRepeats } from '../format.ts'
import { valueAxis } from './axes.ts'
import { colours } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { comparison, described, dots, inRows, rowPlot, stems } from './rows.ts'

/** Throughput of samples that are not steps of one sweep. Null for fewer than two. */
export function throughputBySample(samples: readonly Sample[]): ReportPlot | null {
  if (samples.length < 2) return null
  const rows = samples.map(({ label, throughputPerS }) => ({ label, figure: throughputPerS }))
  const figures = rows.map(({ figure }) => figure)
  return {
    name: 'throughput-by-sample',
    title: comparison('throughput', 'req/s', rows),
    key: [],
    note: `Answered requests a second; median of ${formatRepeats(figures)}, whiskers from lowest to highest.`,
    description: described(rows, 'req/s'),
    options: rowPlot({
      labels: rows.map(({ label }) => label),
      values: figures.map(figure => `${formatFigure(figure).median} req/s`),
      axis: valueAxis(
        figures.map(({ high }) => high),
        'throughput (req/s)',
      ),
      marks: [stems(figures.map(({ median }) => [0, median])), ...dots(inRows(figures), colours.ink)],
    }),
  }
}
