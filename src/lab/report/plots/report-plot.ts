import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { type Html, html, scrollRegion, trusted, visible } from '../html.ts'
import { prose } from '../prose.ts'

/** A plot as a value: what it says in words, and what is drawn. */
export interface ReportPlot {
  /** Stable name, for anchors and tests. */
  name: string
  /** What the reader should see in it, with the figures that show it. */
  title: string
  /** Coloured words that name the marks; they stand in for a legend. */
  key: readonly { colour: string; text: string; hollow?: boolean }[]
  /** n, and what the whiskers or bands are. */
  note: string
  /** The same content for a reader who cannot see it. */
  description: string
  options: Plot.PlotOptions
}

export const fontSizePx = 12
export const plotWidthPx = 880

/** A plot as a figure with inline SVG: no script, no reference to anything outside the page. */
export function renderPlot(plot: ReportPlot): Html {
  const key = plot.key.map(
    entry =>
      html`<li><span class="swatch${entry.hollow ? ' hollow' : ''}" style="--swatch: ${entry.colour}"></span>${entry.text}</li>`,
  )
  const svg = svgMarkup(plot, { fontFamily: 'inherit' }, { class: 'drawing' })
  return html`<figure class="plot" data-plot="${plot.name}">
    <figcaption>
      <h4>${prose(plot.title)}</h4>
      ${key.length > 0 ? html`<ul class="key">${key}</ul>` : null}
    </figcaption>
    ${scrollRegion('Plot', trusted(svg))}
    <p class="note">${prose(plot.note)}</p>
  </figure>
  `
}

/** A plot as markup without colours of its own: they are variables of the stylesheet. */
export function svgMarkup(
  { options, title, description }: ReportPlot,
  { fontFamily }: { fontFamily: string },
  attributes: Readonly<Record<string, string>>,
): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const svg = Plot.plot({
    ...options,
    width: plotWidthPx,
    document,
    className: 'chart',
    style: { fontSize: `${fontSizePx}px`, fontFamily },
  })
  svg.querySelector('style')?.remove()
  svg.setAttribute('role', 'img')
  svg.setAttribute('aria-label', visible(`${title}. ${description}`))
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value)
  return svg.outerHTML
}
