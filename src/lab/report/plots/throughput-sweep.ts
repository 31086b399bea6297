import * as Plot from '@observablehq/plot'
import type { ExperimentResult, Figure, Sample } from '../../results.ts'
import { figureInText, formatFigure, formatRepeats, formatSetting, shorten } from '../format.ts'
import { visible } from '../html.ts'
import { type Dimension, describeSetting, describeValue, distinct, splitDimensions } from '../variation.ts'
import { colours, seriesColour } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { ceilingMarks, isNarrow, layOutPlane } from './xy.ts'

interface Point {
  x: number
  figure: Figure
}
interface Series {
  name: string
  colour: string
  points: readonly Point[]
}
interface Sweep {
  axis: Dimension
  series: readonly Series[]
}

/** Fewer points do not show a curve. */
const fewestSteps = 3

/**
 * Throughput against what the samples sweep (connections, rate, or a numeric setting), with a band from lowest
 * to highest and one line for each setting of what else varies. Null where nothing takes three values.
 */
export function throughputSweep(experiment: ExperimentResult): ReportPlot | null {
  const sweep = findSweep(experiment.samples)
  if (sweep === null) return null
  const best = sweep.series
    .flatMap(series => series.points.map(point => ({ series, point })))
    .toSorted((a, b) => b.point.figure.median - a.point.figure.median)[0]
  if (best === undefined) return null
  const isSingle = sweep.series.length === 1
  const ceiling = isSingle ? (experiment.verdict.ceiling?.predictedPerS ?? null) : null
  return {
    name: 'throughput-sweep',
    title: `Highest throughput reached: ${figureInText(best.point.figure, 'req/s')} at ${settingInWords(sweep.axis, best.point.x)}${isSingle ? '' : `, ${shorten(best.series.name, 60)}`}`,
    key: [],
    note: [
      `Answered requests a second; median of ${formatRepeats(experiment.samples.map(s => s.throughputPerS))}; band and whiskers from lowest to highest.`,
      ceiling ? `Dotted line: predicted ceiling, ${figureInText(ceiling, 'req/s')}.` : '',
    ].join(' '),
    description: sweep.series
      .map(({ name, points }) => {
        const steps = points.map(p => `${formatSetting(p.x)}: ${formatFigure(p.figure).median}`)
        return `${name || 'throughput in req/s'}, by ${sweep.axis.name}: ${steps.join(', ')}`
      })
      .join('; '),
    draw: widthPx => draw(sweep, ceiling, widthPx),
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
    colour: groups.size === 1 ? colours.api : seriesColour(i),
    points: members
      .map(sample => ({ x: Number(axis.read(sample)), figure: sample.throughputPerS }))
      .toSorted((a, b) => a.x - b.x),
  }))
  return series.some(({ points }) => points.length >= fewestSteps) ? { axis, series } : null
}

/** One step of the sweep as it stands in a sentence. */
function settingInWords({ name }: Dimension, value: number): string {
  if (name === 'rate') return `${formatSetting(value)} req/s offered`
  if (name === 'connections') return `${formatSetting(value)} ${value === 1 ? 'connection' : 'connections'}`
  return `${name} ${formatSetting(value)}`
}

function draw({ axis, series }: Sweep, ceiling: Figure | null, widthPx: number): Plot.PlotOptions {
  const labels = series.map(({ name }) => shorten(visible(name), isNarrow(widthPx) ? 14 : 26))
  const labelPx = Math.max(...labels.map(label => label.length)) * 7
  const points = series.flatMap(({ points, colour }) => points.map(point => ({ ...point, colour })))
  const figures = [...points.map(({ figure }) => figure), ...(ceiling ? [ceiling] : [])]
  const { options, innerHeightPx, shareOfHeight } = layOutPlane({
    widthPx,
    xs: [...new Set(points.map(({ x }) => x))].toSorted((a, b) => a - b),
    xLabel: `${axis.name}${axis.name === 'rate' ? ' (req/s)' : ''}`,
    ys: figures.flatMap(({ low, high }) => [low, high]),
    yLabel: 'throughput (req/s)',
    marginRight: Math.max(18, labelPx + 16),
  })
  const ends = endLabels(series, labels, value => shareOfHeight(value) * innerHeightPx)
  return {
    ...options,
    marks: [
      ...(options.marks ?? []),
      ...series.map(line =>
        Plot.areaY(line.points, {
          x: 'x',
          y1: p => p.figure.low,
          y2: p => p.figure.high,
          fill: line.colour,
          fillOpacity: 0.18,
        }),
      ),
      ...series.map(line =>
        Plot.lineY(line.points, { x: 'x', y: p => p.figure.median, stroke: line.colour, strokeWidth: 2 }),
      ),
      Plot.ruleX(
        points.filter(p => p.figure.repeats > 1),
        { x: 'x', y1: p => p.figure.low, y2: p => p.figure.high, stroke: 'colour', strokeWidth: 1.5 },
      ),
      Plot.dot(points, { x: 'x', y: p => p.figure.median, r: 4, fill: 'colour' }),
      ...ends.map(end =>
        Plot.text([end], {
          x: 'x',
          y: 'y',
          text: 'text',
          fill: end.colour,
          textAnchor: 'start',
          dx: 10,
          dy: end.dy,
          fontWeight: 600,
        }),
      ),
      ...(ceiling ? ceilingMarks(ceiling) : []),
    ],
  }
}

const labelGapPx = 15

/** Labels at the lines' ends, pushed apart from below upwards so that none covers another. */
function endLabels(
  series: readonly Series[],
  labels: readonly string[],
  heightPx: (value: number) => number,
) {
  let floorPx = Number.NEGATIVE_INFINITY
  return series
    .flatMap(({ points, colour }, i) => {
      const last = points.at(-1)
      return last ? [{ x: last.x, y: last.figure.median, text: labels[i] ?? '', colour }] : []
    })
    .toSorted((a, b) => a.y - b.y)
    .map(label => {
      const ownPx = heightPx(label.y)
      floorPx = Math.max(ownPx, floorPx + labelGapPx)
      return { ...label, dy: ownPx - floorPx }
    })
}
