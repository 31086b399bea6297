import * as Plot from '@observablehq/plot'
import { formatSetting } from '../format.ts'
import { colours } from './palette.ts'

/** A horizontal axis of values with its grid. */
export interface ValueAxis {
  readonly scale: Plot.ScaleOptions
  readonly marks: readonly Plot.Markish[]
}

/**
 * An axis from zero for amounts, or a logarithmic one for values that differ by orders of magnitude.
 * @param values every value to be shown, ends of whiskers included
 * @param label what is measured, with the unit
 * @param logFrom use a log scale when the largest is this many times the smallest; only where all are > 0
 */
export function valueAxis(
  values: readonly number[],
  label: string,
  logFrom = Number.POSITIVE_INFINITY,
): ValueAxis {
  const low = Math.min(...values)
  const high = Math.max(...values)
  return low > 0 && high / low >= logFrom
    ? {
        scale: { type: 'log', domain: [low / 1.15, high * 1.15] },
        marks: axisX(`${label}, log scale`),
      }
    : { scale: { type: 'linear', domain: [0, high > 0 ? high : 1], nice: true }, marks: axisX(label) }
}

/** An axis without a line of its own, and the grid that takes its place. */
export function axisX(label: string, tickFormat = formatSetting): Plot.Markish[] {
  const tickSpacing = 110
  return [
    Plot.gridX({ tickSpacing, stroke: colours.grid, strokeOpacity: 1 }),
    Plot.axisX({
      tickSpacing,
      tickFormat,
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
