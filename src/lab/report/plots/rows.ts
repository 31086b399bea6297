import * as Plot from '@observablehq/plot'
import { apart } from '../../analysis/figures.ts'
import { capitalised } from '../../analysis/wording.ts'
import type { Figure } from '../../results.ts'
import { figureInText, formatNumber, shorten } from '../format.ts'
import { visible } from '../html.ts'
import { colours } from './palette.ts'
import { fontSizePx, plotWidthPx } from './report-plot.ts'

/** A plot with one row a sample: its label on the left, its marks, and its value as text on the right. */
export interface RowPlot {
  readonly labels: readonly string[]
  readonly values: readonly string[]
  readonly axis: { readonly scale: Plot.ScaleOptions; readonly marks: readonly Plot.Markish[] }
  /** Their channel `y` is the row's index, so that two samples with the same label stay two rows. */
  readonly marks: readonly Plot.Markish[]
}

/** A figure to be drawn in a row. */
export interface Mark {
  readonly row: number
  readonly figure: Figure
}

const rowPx = 30
const barPx = 14
const averageGlyphPx = fontSizePx * 0.58
const gapPx = 10
const longestLabelPx = plotWidthPx * 0.4

export function rowPlot({ labels, values, axis, marks }: RowPlot): Plot.PlotOptions {
  const shown = distinguishing(labels).map(label =>
    shorten(visible(label), Math.floor(longestLabelPx / averageGlyphPx)),
  )
  const [marginTop, marginBottom] = [8, 48]
  const rows = labels.map((_, row) => row)
  return {
    height: marginTop + marginBottom + rowPx * labels.length,
    marginLeft: roomForPx(shown),
    marginRight: roomForPx(values),
    marginTop,
    marginBottom,
    x: axis.scale,
    y: { type: 'band', domain: rows, padding: 0 },
    marks: [
      ...axis.marks,
      Plot.axisY({
        tickFormat: (row: number) => shown[row] ?? '',
        tickSize: 0,
        tickPadding: gapPx,
        label: null,
        fill: colours.ink,
      }),
      ...marks,
      Plot.text(rows, {
        y: row => row,
        text: row => values[row],
        frameAnchor: 'right',
        textAnchor: 'start',
        dx: gapPx,
        fill: colours.ink,
        fontVariant: 'tabular-nums',
      }),
    ],
  }
}

/** Room that the longest of these texts takes beside the marks. */
function roomForPx(texts: readonly string[]): number {
  const longest = Math.max(...texts.map(text => text.length))
  return gapPx + 4 + Math.ceil(longest * averageGlyphPx)
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

/** The figures with the index of their row; a row may have none. */
export function inRows(figures: readonly (Figure | null)[]): Mark[] {
  return figures.flatMap((figure, row) => (figure === null ? [] : [{ row, figure }]))
}

/** A dot at each median, with whiskers from the lowest to the highest repeat. */
export function dots(marks: readonly Mark[], colour: string, isHollow = false): Plot.Markish[] {
  return [
    ...whiskers(marks, colour),
    Plot.dot(marks, {
      y: 'row',
      x: mark => mark.figure.median,
      r: 4.5,
      fill: isHollow ? colours.page : colour,
      stroke: colour,
      strokeWidth: isHollow ? 2 : 0,
    }),
  ]
}

/** A faint line in each row, from one value to another. */
export function stems(ends: readonly (readonly [number, number])[]): Plot.Markish {
  return Plot.ruleY(ends, {
    y: (_, row) => row,
    x1: ([from]) => from,
    x2: ([, to]) => to,
    stroke: colours.muted,
    strokeOpacity: 0.5,
  })
}

/** Insets that make a mark of the row's height as high as a bar, or lower. */
export function insets(lessPx = 0): { insetTop: number; insetBottom: number } {
  const inset = (rowPx - barPx) / 2 + lessPx
  return { insetTop: inset, insetBottom: inset }
}

/** A part of a row's bar. */
export interface Bar {
  readonly row: number
  readonly x1: number
  readonly x2: number
  readonly colour: string
}

/** Bars, with whiskers that stay visible on any colour, because the page's colour shows around them. */
export function barMarks(bars: readonly Bar[], spread: readonly Mark[] = []): Plot.Markish[] {
  return [
    Plot.barX(
      bars.filter(bar => bar.x2 > bar.x1),
      { y: 'row', x1: 'x1', x2: 'x2', fill: 'colour', insetRight: 1, ...insets() },
    ),
    ...whiskers(spread, colours.page, 4),
    ...whiskers(spread, colours.ink),
  ]
}

/** Lines from the lowest to the highest repeat; a single repeat has none. */
function whiskers(marks: readonly Mark[], stroke: string, strokeWidth = 1.5): Plot.Markish[] {
  const spread = marks.filter(({ figure }) => figure.repeats > 1)
  const ends = spread.flatMap(({ row, figure: { low, high } }) => [
    { row, x: low },
    { row, x: high },
  ])
  return [
    Plot.ruleY(spread, {
      y: 'row',
      x1: mark => mark.figure.low,
      x2: mark => mark.figure.high,
      stroke,
      strokeWidth,
    }),
    Plot.tickX(ends, { y: 'row', x: 'x', stroke, strokeWidth, ...insets(3) }),
  ]
}

/** What a plot says of one sample. */
export interface Labelled {
  readonly label: string
  readonly figure: Figure
}

/** The rows with the lowest and the highest median, and whether their repeats reach into each other. */
export function extremes<T extends Labelled>(
  rows: readonly T[],
): { least: T; most: T; isApart: boolean } | null {
  const sorted = rows.toSorted((a, b) => a.figure.median - b.figure.median)
  const [least, most] = [sorted[0], sorted.at(-1)]
  return least && most ? { least, most, isApart: apart(least.figure, most.figure) } : null
}

/** The title of a plot that compares samples: from the lowest to the highest, or that they do not differ. */
export function comparison(what: string, unit: string, rows: readonly Labelled[]): string {
  const ends = extremes(rows)
  if (ends === null) return what
  const inText = ({ label, figure }: Labelled) => `${figureInText(figure, unit)} with “${shorten(label, 60)}”`
  if (ends.isApart) return `${capitalised(what)}: from ${inText(ends.least)} to ${inText(ends.most)}`
  if (rows.length === 1) return `${capitalised(what)}: ${inText(ends.least)}`
  const lowest = Math.min(...rows.map(({ figure }) => figure.low))
  const highest = Math.max(...rows.map(({ figure }) => figure.high))
  return `No difference in ${what} beyond the spread of the repeats: ${formatNumber(lowest)} to ${formatNumber(highest)} ${unit}`
}

/** The figures of a plot for a reader who cannot see it. */
export function described(rows: readonly Labelled[], unit: string): string {
  return rows.map(({ label, figure }) => `${label}: ${figureInText(figure, unit)}`).join('; ')
}
