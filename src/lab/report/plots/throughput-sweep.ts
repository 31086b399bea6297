import * as Plot from '@observablehq/plot'
import type { ExperimentResult, Figure, Sample } from '../../results.ts'
import { figureInText, formatFigure, formatRepeats, formatSetting, shorten } from '../format.ts'
import { visible } from '../html.ts'
import { type Dimension, describeSetting, describeValue, distinct, splitDimensions } from '../variation.ts'
import { logTicks } from './axes.ts'
import { colours, seriesColour } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'

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

/** A curve of fewer points is a straight line with a story. */
const fewestSteps = 3

/**
 * Throughput against what the samples sweep (connections, rate, or a numeric knob), with a band from lowest
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
      ceiling ? `Dashed line: predicted ceiling, ${figureInText(ceiling, 'req/s')}.` : '',
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
 * rate before knobs. What else varies splits the samples into series.
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
  const isNarrow = widthPx < 500
  const heightPx = isNarrow ? 280 : 340
  const margin = { top: 34, bottom: 52, left: 58 }
  const innerHeightPx = heightPx - margin.top - margin.bottom
  const labels = series.map(({ name }) => shorten(visible(name), isNarrow ? 14 : 26))
  const labelPx = Math.max(...labels.map(label => label.length)) * 7
  const marginRight = Math.max(18, labelPx + 16)
  const points = series.flatMap(({ points, colour }) => points.map(point => ({ ...point, colour })))
  const xs = [...new Set(points.map(p => p.x))].toSorted((a, b) => a - b)
  const [firstX = 0, lastX = 1] = [xs[0], xs.at(-1)]
  const isLogX = firstX > 0 && lastX / firstX >= 8
  const lowest = Math.min(...points.map(p => p.figure.low))
  const highest = Math.max(...points.map(p => p.figure.high), ceiling?.high ?? 0)
  const isLogY = lowest > 0 && highest / lowest >= 50
  const y: [number, number] = isLogY ? [lowest / 1.2, highest * 1.2] : [0, highest * 1.05 || 1]
  const yTicks = isLogY ? logTicks(y, innerHeightPx) : 5
  const ends = endLabels(series, labels, value => position(value, y, isLogY) * innerHeightPx)
  return {
    height: heightPx,
    marginTop: margin.top,
    marginBottom: margin.bottom,
    marginLeft: margin.left,
    marginRight,
    x: { type: isLogX ? 'log' : 'linear', domain: [isLogX ? firstX : Math.min(0, firstX), lastX] },
    y: { type: isLogY ? 'log' : 'linear', domain: y },
    marks: [
      Plot.gridY({ ticks: yTicks, stroke: colours.grid, strokeOpacity: 1 }),
      Plot.axisY({
        ticks: yTicks,
        text: formatSetting,
        tickSize: 0,
        fill: colours.muted,
        label: `↑ throughput (req/s)${isLogY ? ', log scale' : ''}`,
        labelArrow: 'none',
      }),
      Plot.axisX({
        ticks: thinOut(xs, isLogX, widthPx - margin.left - marginRight),
        text: formatSetting,
        tickSize: 4,
        fill: colours.muted,
        stroke: colours.muted,
        label: `${axis.name}${axis.name === 'rate' ? ' (req/s)' : ''}${isLogX ? ', log scale' : ''} →`,
        labelAnchor: 'right',
        labelOffset: 40,
        labelArrow: 'none',
      }),
      ...(ceiling ? [Plot.ruleY([ceiling.median], { stroke: colours.ink, strokeDasharray: '4 3' })] : []),
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

/** The swept values themselves as ticks, without those whose labels would touch their left neighbour's. */
function thinOut(xs: readonly number[], isLog: boolean, lengthPx: number): number[] {
  const domain = [xs[0] ?? 0, xs.at(-1) ?? 1] as const
  let previousPx = Number.NEGATIVE_INFINITY
  return xs.filter(x => {
    const px = position(x, domain, isLog) * lengthPx
    if (px - previousPx < 8 + formatSetting(x).length * 7) return false
    previousPx = px
    return true
  })
}

/** Where a value lies on an axis, 0 to 1. */
function position(value: number, [low, high]: readonly [number, number], isLog: boolean): number {
  return isLog ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low)
}
