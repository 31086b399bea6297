import type { Figure } from '../results.ts'
import { formatFigure, notMeasured } from './format.ts'
import { type Content, type Html, html, scrollRegion } from './html.ts'

export interface Table {
  readonly caption: string
  /** In small print after the caption. */
  readonly note?: string
  /** Figures are aligned on the right, words on the left. */
  readonly kind: 'figures' | 'words'
  readonly columns: readonly Heading[]
  /** Each with its name, and a cell for each of the other columns. */
  readonly rows: readonly (readonly [name: Content, ...cells: Html[]])[]
}

/** What is in a column and, in small print, its unit. */
export type Heading = readonly [text: string, unit?: string]

export const spreadBelow = 'median, below it the lowest and highest repeat'

export function table({ caption, note, kind, columns, rows }: Table): Html {
  const inSmallPrint = (text: string | undefined) => (text === undefined ? null : html` <span>${text}</span>`)
  const content = html`
      <table class="${kind}">
        <caption>${caption}${inSmallPrint(note)}</caption>
        <thead><tr>${columns.map(([text, unit]) => html`<th scope="col">${text}${inSmallPrint(unit)}</th>`)}</tr></thead>
        <tbody>
          ${rows.map(([name, ...cells]) => html`<tr><th scope="row">${name}</th>${cells}</tr>\n`)}
        </tbody>
      </table>`
  return scrollRegion(caption, content)
}

/** A figure with its spread below it. Without `decimals` it has three significant digits. */
export function figureCell(figure: Figure | null, decimals?: number): Html {
  if (figure === null) return emptyCell(notMeasured)
  const { median, range } = formatFigure(figure, decimals)
  return html`<td>${median} <small>${range ?? 'one run'}</small></td>`
}

export function emptyCell(text = '–'): Html {
  return html`<td class="missing">${text}</td>`
}
