import * as Plot from '@observablehq/plot'
import type { ExperimentResult, Sample } from '../../results.ts'
import { figureInText, formatFigure, formatRepeats, formatSetting, shorten } from '../format.ts'
import { visible } from '../html.ts'
import { type Dimension, describeSetting, describeValue, distinct, splitDimensions } from '../variation.ts'
import { colours, seriesColour } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { type Point, planePlot } from './xy.ts'

interface Series {
  readonly name: string
  readonly points: readonly Point[]
}
interface Sweep {
  readonly axis: Dimension
  readonly series: readonly Series[]
}

/** Fewer points do not show a curve. */
const fewestSteps = 3

/**
 * Throughput against what the samples sweep (connections, rate, or a numeric setting), with one line
 * for each setting of what else varies. Null where not all of them have three values.
 */
export function throughputSweep(experiment: ExperimentResult): ReportPlot | null {
  const sweep = findSweep(experiment.samples)
  if (sweep === null) return null
  const { axis, series } = sweep
  const isSingle = series.length === 1
  const best = series
    .flatMap(({ name, points }) => points.map(point => ({ ...point, name })))
    .toSorted((a, b) => b.figure.median - a.figure.median)[0]
  if (best === undefined) return null
  const ceiling = isSingle ? (experiment.verdict.ceiling?.predictedPerS ?? null) : null
  return {
    name: 'throughput-sweep',
    title: `Highest throughput reached: ${figureInText(best.figure, 'req/s')} at ${settingInWords(axis, best.x)}${isSingle ? '' : `, ${shorten(best.name, 60)}`}`,
    key: [],
    note: [
      `Answered requests a second; median of ${formatRepeats(experiment.samples.map(s => s.throughputPerS))}, whiskers from lowest to highest.`,
      ceiling ? `Dotted line: predicted ceiling, ${figureInText(ceiling, 'req/s')}.` : '',
    ].join(' '),
    description: series
      .map(({ name, points }) => {
        const steps = points.map(p => `${formatSetting(p.x)}: ${formatFigure(p.figure).median}`)
        return `${name || 'throughput in req/s'}, by ${axis.name}: ${steps.join(', ')}`
      })
      .join('; '),
    options: planePlot({
      xLabel: `${axis.name}${axis.name === 'rate' ? ' (req/s)' : ''}`,
      points: series.flatMap(({ points }) => points),
      ceiling,
      marks: series.map(({ points }) =>
        Plot.lineY(points, {
          x: 'x',
          y: point => point.figure.median,
          stroke: 'colour',
          strokeWidth: 2,
        }),
      ),
      endLabels: series.flatMap(({ name, points }) =>
        points.slice(-1).map(({ x, figure: { median: y }, colour }) => ({
          x,
          y,
          colour,
          text: shorten(visible(name), 26),
        })),
      ),
    }),
  }
}

/**
 * The dimension that the samples sweep: the first numeric one with at least three values, connections and
 * rate before other settings. What else varies splits the samples into series.
 */
export function findSweep(samples: readonly Sample[]): Sweep | null {
  const { varied } = splitDimensions(samples)
  const axis = varied.find(dimension => {
    const values = distinct(samples, dimension)
    return values.length >= fewestSteps && values.every(value => typeof value === 'number')
  })
  if (axis === undefined) return null
  const others = varied.filter(dimension => dimension !== axis)
  const nameOf = (sample: Sample) =>
    others
      .map(other =>
        others.length === 1 && typeof other.read(sample) === 'string'
          ? describeValue(other.read(sample))
          : describeSetting(other, sample),
      )
      .join(', ')
  const groups = Map.groupBy(samples, nameOf)
  const series = [...groups].map(([name, members], i) => ({
    name,
    points: members
      .map(sample => ({
        x: Number(axis.read(sample)),
        figure: sample.throughputPerS,
        colour: groups.size === 1 ? colours.api : seriesColour(i),
      }))
      .toSorted((a, b) => a.x - b.x),
  }))
  return series.every(({ points }) => points.length >= fewestSteps) ? { axis, series } : null
}

/** One step of the sweep as it stands in a sentence. */
function settingInWords({ name }: Dimension, value: number): string {
  if (name === 'rate') return `${formatSetting(value)} req/s offered`
  if (name === 'connections') return `${formatSetting(value)} ${value === 1 ? 'connection' : 'connections'}`
  return `${name} ${formatSetting(value)}`
}
