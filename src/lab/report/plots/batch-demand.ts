import * as Plot from '@observablehq/plot'
import { demandAt } from '../../analysis/batch-demand.ts'
import type { BatchDemandFit, ExperimentResult, Figure } from '../../results.ts'
import { figureInText, formatEstimate, formatNumber, formatRepeats, shorten } from '../format.ts'
import { colours } from './palette.ts'
import type { ReportPlot } from './report-plot.ts'
import { isOf } from './scaling-curve.ts'
import { layOutPlane, overMarks } from './xy.ts'

interface Point {
  readonly rows: Figure
  readonly demand: Figure
}

const owners = {
  api: { name: 'the API', colour: colours.api },
  database: { name: 'PostgreSQL', colour: colours.database },
} as const

/**
 * What a row costs over how many rows share its batch, with D(n) = a + b/n that fits it and the a that no batch
 * size gets below: one plot a fit.
 */
export function batchDemands({ samples, scaling = [] }: ExperimentResult): ReportPlot[] {
  return scaling.flatMap(one =>
    one.fits
      .filter(fit => fit.model === 'batch-demand')
      .flatMap(fit => {
        const points = samples
          .filter(sample => isOf(sample, one))
          .flatMap(({ rowsPerBatch: rows = null, cpuPerRequestUs: { [fit.resource]: demand } }) =>
            rows === null || demand === null ? [] : [{ rows, demand }],
          )
          .toSorted((a, b) => a.rows.median - b.rows.median)
        return points.length < 2 ? [] : [batchDemand(one.variant, fit, points)]
      }),
  )
}

function batchDemand(variant: string, fit: BatchDemandFit, points: readonly Point[]): ReportPlot {
  const { name, colour } = owners[fit.resource]
  const ceiling = fit.ceilingPerCorePerS
  return {
    name: 'batch-demand',
    title: `With “${shorten(variant, 60)}” a row costs ${name} ${formatEstimate(fit.perRowUs)} µs, and a batch costs ${formatEstimate(fit.perBatchUs)} µs, which its rows share`,
    key: [{ colour, text: 'D(n) = a + b/n, fitted' }],
    note: [
      `Dots: measured, median of ${formatRepeats(points.map(({ demand }) => demand))}, whiskers from lowest to highest. 95 % bootstrap intervals.`,
      `The curve differs from no measured median by more than ${Math.ceil(100 * fit.worstError)} %.`,
      ceiling === null
        ? ''
        : `Dashed line: a, the least that a row costs in a batch of any size. So one core can do at most ${formatEstimate(ceiling)} rows/s.`,
    ]
      .filter(Boolean)
      .join(' '),
    description: points
      .map(({ rows, demand }) => `${formatNumber(rows.median)} rows: ${figureInText(demand, 'µs')}`)
      .join('; '),
    draw: widthPx => draw(fit, points, widthPx),
  }
}

const curvePoints = 80

function draw(fit: BatchDemandFit, points: readonly Point[], widthPx: number): Plot.PlotOptions {
  const { colour } = owners[fit.resource]
  const [first = 1, last = 1] = [points[0]?.rows.median, points.at(-1)?.rows.median]
  const demand = { perRowUs: fit.perRowUs.value, perBatchUs: fit.perBatchUs.value }
  const curve = Array.from({ length: curvePoints + 1 }, (_, i) => {
    const x = first * (last / first) ** (i / curvePoints)
    return { x, y: demandAt(demand, x) }
  })
  const { options } = layOutPlane({
    widthPx,
    xs: points.map(({ rows }) => Number(rows.median.toPrecision(2))),
    xDomain: [first, last],
    xLabel: 'rows in a batch, mean',
    ys: [0, ...points.flatMap(point => [point.demand.low, point.demand.high]), ...curve.map(({ y }) => y)],
    yLabel: 'CPU per row (µs)',
    marginRight: 24,
  })
  return {
    ...options,
    marks: [
      ...(options.marks ?? []),
      Plot.ruleY([demand.perRowUs], { stroke: colour, strokeDasharray: '2 3' }),
      Plot.text([demand.perRowUs], {
        x: () => first,
        y: value => value,
        text: value => `a = ${formatNumber(value)} µs`,
        textAnchor: 'start',
        dx: 6,
        dy: -9,
        fill: colour,
        ...overMarks,
      }),
      Plot.lineY(curve, { x: 'x', y: 'y', stroke: colour, strokeWidth: 2 }),
      Plot.ruleX(
        points.filter(point => point.demand.repeats > 1),
        {
          x: point => point.rows.median,
          y1: point => point.demand.low,
          y2: point => point.demand.high,
          stroke: colours.ink,
          strokeWidth: 1.5,
        },
      ),
      Plot.dot(points, {
        x: point => point.rows.median,
        y: point => point.demand.median,
        r: 4,
        fill: colours.ink,
      }),
    ],
  }
}
