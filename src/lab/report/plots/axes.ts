import * as Plot from '@observablehq/plot'
import { formatSetting } from '../format.ts'
import { colours } from './palette.ts'

/** An axis from zero for amounts, or a logarithmic one for values that differ by orders of magnitude. */
export interface ValueAxis {
  scale: Plot.ScaleOptions & { domain: [number, number] }
  marks: Plot.Markish[]
}

/**
 * A horizontal axis of values with its grid.
 * @param values every value to be shown, whiskers included
 * @param label what is measured, with the unit
 * @param innerWidthPx room for ticks
 * @param logFrom use a log scale when the largest is this many times the smallest; only where all are > 0
 */
export function valueAxisX(
  values: readonly number[],
  label: string,
  innerWidthPx: number,
  logFrom = Number.POSITIVE_INFINITY,
): ValueAxis {
  const low = Math.min(...values)
  const high = Math.max(...values)
  const isLog = low > 0 && high / low >= logFrom
  const domain: [number, number] = isLog ? [low / 1.15, high * 1.15] : [0, high > 0 ? high : 1]
  const ticks = isLog ? logTicks(domain, innerWidthPx) : Math.max(3, Math.round(innerWidthPx / 110))
  return {
    scale: { type: isLog ? 'log' : 'linear', domain, nice: !isLog },
    marks: axisMarksX(`${label}${isLog ? ', log scale' : ''}`, ticks, formatSetting),
  }
}

/**
 * A horizontal axis without a line of its own, and the grid that takes its place.
 * @param ticks how many, or which
 * @param text of a tick
 */
export function axisMarksX(
  label: string,
  ticks: number | readonly number[],
  text: (value: number) => string,
): Plot.Markish[] {
  const shown = typeof ticks === 'number' ? ticks : [...ticks]
  return [
    Plot.gridX({ ticks: shown, stroke: colours.grid, strokeOpacity: 1 }),
    Plot.axisX({
      ticks: shown,
      text,
      tickSize: 0,
      tickPadding: 8,
      fill: colours.muted,
      label: `${label} →`,
      labelAnchor: 'right',
      labelOffset: 38,
      labelArrow: 'none',
    }),
  ]
}

/**
 * Round ticks of a logarithmic axis: 1-2-5 where there is room for the labels, else powers of ten, and
 * fewer where even those would touch.
 */
export function logTicks([low, high]: readonly [number, number], lengthPx: number): number[] {
  const decades = Math.log10(high / low)
  const pxPerDecade = lengthPx / decades
  const steps = pxPerDecade > 150 ? [1, 2, 5] : pxPerDecade > 90 ? [1, 3] : [1]
  const first = Math.floor(Math.log10(low))
  const powers = Array.from({ length: Math.ceil(decades) + 2 }, (_, i) => first + i)
  const stride = Math.max(1, Math.ceil(45 / pxPerDecade))
  return powers
    .filter(power => power % stride === 0)
    .flatMap(power => steps.map(step => Number((step * 10 ** power).toPrecision(1))))
    .filter(tick => tick >= low && tick <= high)
}
