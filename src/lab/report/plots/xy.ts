import * as Plot from '@observablehq/plot'
import type { Figure } from '../../results.ts'
import { formatNumber, formatSetting } from '../format.ts'
import { logTicks } from './axes.ts'
import { colours } from './palette.ts'

/** A plot of values against something that was swept. */
export interface Plane {
  readonly widthPx: number
  /** What was swept, ascending: the ticks of the horizontal axis. */
  readonly xs: readonly number[]
  readonly xLabel: string
  /** What the horizontal axis spans, if not from the first to the last of `xs`. */
  readonly xDomain?: readonly [number, number]
  /** Every value to be shown, ends of whiskers included. */
  readonly ys: readonly number[]
  readonly yLabel: string
  readonly marginRight: number
}

export interface PlaneLayout {
  readonly options: Plot.PlotOptions
  readonly innerHeightPx: number
  /** Where a value lies on the vertical axis, from 0 at the bottom to 1. */
  readonly shareOfHeight: (value: number) => number
}

/** Values from zero unless they differ by orders of magnitude; what was swept by ratio where it spans one. */
export function layOutPlane({ widthPx, xs, xLabel, xDomain, ys, yLabel, marginRight }: Plane): PlaneLayout {
  const heightPx = isNarrow(widthPx) ? 280 : 340
  const margin = { top: 34, bottom: 52, left: 62 }
  const innerHeightPx = heightPx - margin.top - margin.bottom
  const [firstX, lastX] = xDomain ?? [xs[0] ?? 0, xs.at(-1) ?? 1]
  const isLogX = firstX > 0 && lastX / firstX >= 8
  const lowest = Math.min(...ys)
  const highest = Math.max(...ys)
  const isLogY = lowest > 0 && highest / lowest >= 50
  const y: [number, number] = isLogY ? [lowest / 1.2, highest * 1.2] : [0, highest * 1.05 || 1]
  const x: [number, number] = [isLogX ? firstX : Math.min(0, firstX), lastX]
  const yTicks = isLogY ? logTicks(y, innerHeightPx) : 5
  return {
    innerHeightPx,
    shareOfHeight: value => position(value, y, isLogY),
    options: {
      height: heightPx,
      marginTop: margin.top,
      marginBottom: margin.bottom,
      marginLeft: margin.left,
      marginRight,
      x: { type: isLogX ? 'log' : 'linear', domain: x },
      y: { type: isLogY ? 'log' : 'linear', domain: y },
      marks: [
        Plot.gridY({ ticks: yTicks, stroke: colours.grid, strokeOpacity: 1 }),
        Plot.axisY({
          ticks: yTicks,
          text: formatSetting,
          tickSize: 0,
          fill: colours.muted,
          label: `↑ ${yLabel}${isLogY ? ', log scale' : ''}`,
          labelArrow: 'none',
        }),
        Plot.axisX({
          ticks: thinOut(xs, x, isLogX, widthPx - margin.left - marginRight),
          text: formatSetting,
          tickSize: 4,
          fill: colours.muted,
          stroke: colours.muted,
          label: `${xLabel}${isLogX ? ', log scale' : ''} →`,
          labelAnchor: 'right',
          labelOffset: 40,
          labelArrow: 'none',
        }),
      ],
    },
  }
}

export function isNarrow(widthPx: number): boolean {
  return widthPx < 500
}

/** Words beside a mark, kept legible by the page's colour around them. */
export const overMarks = { stroke: colours.page, strokeWidth: 4 } as const

/** The predicted ceiling, named on its line. */
export function ceilingMarks(ceiling: Figure): Plot.Markish[] {
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

/** The swept values themselves as ticks, without those whose labels would touch their left neighbour's. */
function thinOut(
  xs: readonly number[],
  domain: readonly [number, number],
  isLog: boolean,
  lengthPx: number,
): number[] {
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
