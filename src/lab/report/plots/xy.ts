import * as Plot from '@observablehq/plot'
import type { Figure } from '../../results.ts'
import { formatNumber, formatSetting } from '../format.ts'
import { colours } from './palette.ts'
import { plotWidthPx } from './report-plot.ts'

/** Throughput at one step of what was swept. */
export interface Point {
  readonly x: number
  readonly figure: Figure
  readonly colour: string
}

/** Names a line at its end, in the line's colour. */
export interface EndLabel {
  readonly x: number
  readonly y: number
  readonly text: string
  readonly colour: string
}

/** A plot of throughput against something that was swept. */
export interface Plane {
  readonly xLabel: string
  readonly points: readonly Point[]
  readonly ceiling: Figure | null
  /** Points of a curve that must be in sight, too. */
  readonly curve?: readonly { readonly x: number; readonly y: number }[]
  /** What is drawn below the points. */
  readonly marks: readonly Plot.Markish[]
  readonly endLabels?: readonly EndLabel[]
}

const heightPx = 340
const margins = { marginTop: 34, marginBottom: 52, marginLeft: 62 }
const glyphPx = 7

/** Values from zero unless they differ by orders of magnitude; what was swept by ratio where it spans one. */
export function planePlot(plane: Plane): Plot.PlotOptions {
  const { xLabel, points, ceiling, curve = [], marks, endLabels = [] } = plane
  const marginRight = Math.max(24, ...endLabels.map(({ text }) => text.length * glyphPx + 16))
  const steps = [...new Set(points.map(point => point.x))].toSorted((a, b) => a - b)
  const xs = [...steps, ...curve.map(point => point.x)]
  const ys = [
    ...[...points.map(({ figure }) => figure), ...(ceiling ? [ceiling] : [])].flatMap(figure => [
      figure.low,
      figure.high,
    ]),
    ...curve.map(point => point.y),
  ]
  const [first, last] = [Math.min(...xs), Math.max(...xs)]
  const [lowest, highest] = [Math.min(...ys), Math.max(...ys)]
  const isLogX = first > 0 && last / first >= 8
  const isLogY = lowest > 0 && highest / lowest >= 50
  const x: Plot.ScaleOptions = {
    type: isLogX ? 'log' : 'linear',
    domain: [isLogX ? first : Math.min(0, first), last],
    range: [margins.marginLeft, plotWidthPx - marginRight],
  }
  const y: Plot.ScaleOptions = {
    type: isLogY ? 'log' : 'linear',
    domain: isLogY ? [lowest / 1.2, highest * 1.2] : [0, highest * 1.05 || 1],
    range: [heightPx - margins.marginBottom, margins.marginTop],
  }
  const tickSpacing = 50
  return {
    height: heightPx,
    ...margins,
    marginRight,
    x,
    y,
    marks: [
      Plot.gridY({ tickSpacing, stroke: colours.grid, strokeOpacity: 1 }),
      Plot.axisY({
        tickSpacing,
        tickFormat: formatSetting,
        tickSize: 0,
        fill: colours.muted,
        label: `↑ throughput (req/s)${isLogY ? ', log scale' : ''}`,
        labelArrow: 'none',
      }),
      Plot.axisX({
        ticks: thinOut(steps, Plot.scale({ x })),
        text: formatSetting,
        tickSize: 4,
        fill: colours.muted,
        stroke: colours.muted,
        label: `${xLabel}${isLogX ? ', log scale' : ''} →`,
        labelAnchor: 'right',
        labelOffset: 40,
        labelArrow: 'none',
      }),
      ...marks,
      ...(ceiling ? ceilingMarks(ceiling) : []),
      Plot.ruleX(
        points.filter(({ figure }) => figure.repeats > 1),
        {
          x: 'x',
          y1: point => point.figure.low,
          y2: point => point.figure.high,
          stroke: 'colour',
          strokeWidth: 1.5,
        },
      ),
      Plot.dot(points, { x: 'x', y: point => point.figure.median, r: 4, fill: 'colour' }),
      Plot.text(pushedApart(endLabels, Plot.scale({ y })), {
        x: 'x',
        y: 'y',
        text: 'text',
        fill: 'colour',
        textAnchor: 'start',
        dx: 10,
        fontWeight: 600,
      }),
    ],
  }
}

/** The swept values themselves as ticks, without those whose labels would touch their left neighbour's. */
function thinOut(xs: readonly number[], scale: Plot.Scale): number[] {
  let previousPx = Number.NEGATIVE_INFINITY
  return xs.filter(x => {
    const px = scale.apply(x)
    if (px - previousPx < 8 + formatSetting(x).length * glyphPx) return false
    previousPx = px
    return true
  })
}

const labelGapPx = 15

/** Labels pushed apart from below upwards so that none covers another. */
function pushedApart(labels: readonly EndLabel[], scale: Plot.Scale): EndLabel[] {
  let ceilingPx = Number.POSITIVE_INFINITY
  return labels
    .toSorted((a, b) => a.y - b.y)
    .map(label => {
      ceilingPx = Math.min(scale.apply(label.y), ceilingPx - labelGapPx)
      return { ...label, y: scale.invert?.(ceilingPx) ?? label.y }
    })
}

/** Words beside a mark, kept legible by the page's colour around them. */
export const overMarks = { stroke: colours.page, strokeWidth: 4 } as const

/** The predicted ceiling, named on its line. */
function ceilingMarks(ceiling: Figure): Plot.Markish[] {
  return [
    Plot.ruleY([ceiling.median], { stroke: colours.ink, strokeDasharray: '2 3' }),
    Plot.text([ceiling], {
      frameAnchor: 'left',
      y: 'median',
      text: () => `predicted ceiling ${formatNumber(ceiling.median)}`,
      textAnchor: 'start',
      dx: 6,
      dy: -9,
      fill: colours.ink,
      ...overMarks,
    }),
  ]
}
