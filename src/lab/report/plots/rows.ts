import * as Plot from '@observablehq/plot'
import type { Figure } from '../../results.ts'
import { shorten } from '../format.ts'
import { visible } from '../html.ts'
import { colours } from './palette.ts'
import { fontSizePx } from './report-plot.ts'

/**
 * Geometry of a plot with one row a sample. Where there is room the label stands left of its row; on a
 * narrow page it stands above it, so that the marks keep the whole width.
 */
export interface Rows {
  heightPx: number
  marginLeft: number
  marginRight: number
  marginTop: number
  marginBottom: number
  innerWidthPx: number
  /** Shift of every data mark from the middle of its row. */
  dy: number
  /** Insets that make a bar of the row's height slender. */
  barInset: number
  labelsAbove: boolean
  scale: Plot.ScaleOptions
  labels: Plot.Markish
}

export interface RowOptions {
  widthPx: number
  /** Room right of the marks for values on a wide page; on a narrow one they stand in the label's line. */
  valuesPx: number
}

const averageGlyphPx = fontSizePx * 0.58
/** Between a mark and its value. */
const valueGapPx = 10

/** Room that the longest of these values takes right of its mark. */
export function roomForPx(values: readonly string[]): number {
  return valueGapPx + Math.ceil(longestPx(values))
}

function longestPx(texts: readonly string[]): number {
  return Math.max(...texts.map(text => text.length)) * averageGlyphPx
}

/** Rows are keyed by index, so that two samples with the same label stay two rows. */
export function layOutRows(labels: readonly string[], { widthPx, valuesPx }: RowOptions): Rows {
  const labelsAbove = widthPx < 500
  const rowPx = labelsAbove ? 42 : 30
  const barPx = 14
  const roomPx = labelsAbove ? widthPx - valuesPx - 24 : widthPx * 0.4
  const shown = distinguishing(labels).map(label =>
    shorten(visible(label), Math.floor(roomPx / averageGlyphPx)),
  )
  const marginLeft = labelsAbove ? 6 : Math.ceil(longestPx(shown)) + 14
  const marginRight = labelsAbove ? 16 : Math.max(valuesPx, 16)
  const marginTop = 8
  const marginBottom = 48
  const indices = labels.map((_, i) => i)
  return {
    heightPx: marginTop + marginBottom + rowPx * labels.length,
    marginLeft,
    marginRight,
    marginTop,
    marginBottom,
    innerWidthPx: widthPx - marginLeft - marginRight,
    dy: labelsAbove ? 9 : 0,
    barInset: (rowPx - barPx) / 2,
    labelsAbove,
    scale: { type: 'band', domain: indices, padding: 0, axis: null },
    labels: Plot.text(indices, {
      y: i => i,
      text: i => shown[i] ?? '',
      frameAnchor: 'left',
      textAnchor: labelsAbove ? 'start' : 'end',
      dx: labelsAbove ? 0 : -10,
      dy: labelsAbove ? -10 : 0,
      fill: colours.ink,
    }),
  }
}

/**
 * Labels without the parts (`a, b, c`) that all of them begin or end with: `prepared, 64 connections` next to
 * `batched, 64 connections` needs only `prepared`. The report lists what was held constant elsewhere.
 */
export function distinguishing(labels: readonly string[]): string[] {
  const [first = [], ...others] = labels.map(label => label.split(', '))
  if (others.length === 0) return [...labels]
  const all = [first, ...others]
  const shortest = Math.min(...all.map(parts => parts.length))
  const isShared = (at: number) => all.every(parts => parts.at(at) === first.at(at))
  let leading = 0
  while (leading < shortest - 1 && isShared(leading)) leading++
  let trailing = 0
  while (trailing < shortest - 1 - leading && isShared(-1 - trailing)) trailing++
  return all.map(parts => parts.slice(leading, parts.length - trailing).join(', '))
}

/** Whiskers from the lowest to the highest repeat; a single repeat has none. */
export function whiskers(
  figures: readonly { row: number; figure: Figure }[],
  rows: Rows,
  stroke: string = colours.ink,
  strokeWidth = 1.5,
): Plot.Markish[] {
  const spread = figures.filter(({ figure }) => figure.repeats > 1)
  const ends = spread.flatMap(({ row, figure }) => [
    { row, x: figure.low },
    { row, x: figure.high },
  ])
  const inset = rows.barInset + 3
  const line = { y: 'row', stroke, strokeWidth, dy: rows.dy }
  return [
    Plot.ruleY(spread, { ...line, x1: s => s.figure.low, x2: s => s.figure.high }),
    Plot.tickX(ends, { ...line, x: 'x', insetTop: inset, insetBottom: inset }),
  ]
}

/** Whiskers that stay visible on top of bars of any colour: the page's colour shows around them. */
export function whiskersOnBars(
  figures: readonly { row: number; figure: Figure }[],
  rows: Rows,
): Plot.Markish[] {
  return [...whiskers(figures, rows, colours.page, 4), ...whiskers(figures, rows)]
}

/** Values as text: right of `x` on a wide page, at the right end of the label's line on a narrow one. */
export function rowValues(
  values: readonly { row: number; x: number; text: string }[],
  rows: Rows,
): Plot.Markish {
  const common = {
    y: 'row',
    text: 'text',
    fill: colours.ink,
    stroke: colours.page,
    strokeWidth: 4,
    fontVariant: 'tabular-nums',
  } as const
  return rows.labelsAbove
    ? Plot.text(values, { ...common, frameAnchor: 'right', textAnchor: 'end', dy: -10 })
    : Plot.text(values, { ...common, x: 'x', textAnchor: 'start', dx: valueGapPx })
}

/** The plot options that every plot of rows shares. */
export function rowPlot(rows: Rows, x: Plot.ScaleOptions, marks: Plot.Markish[]): Plot.PlotOptions {
  return {
    height: rows.heightPx,
    marginLeft: rows.marginLeft,
    marginRight: rows.marginRight,
    marginTop: rows.marginTop,
    marginBottom: rows.marginBottom,
    x,
    y: rows.scale,
    marks: [...marks, rows.labels],
  }
}
