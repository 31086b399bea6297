import { stylesheet } from '../document.ts'
import { html } from '../html.ts'
import { colours } from './palette.ts'
import { plotWidthPx, type ReportPlot, svgMarkup } from './report-plot.ts'

/** A plot as an SVG file of its own, for a page that has none of our styles: with its key, in the light colours. */
export function standaloneSvg(plot: ReportPlot): string {
  const svg = svgMarkup(plot, { fontFamily: 'system-ui, sans-serif' }, { xmlns, class: 'chart' })
  const markup = svg.replace(/^<svg[^>]*>/, start => `${start}${background}`)
  const withKey = markup.replace(/<\/svg>$/, end => `${keyOf(plot)}${end}`)
  return `${withKey.replaceAll(/var\((--[\w-]+)\)/g, (_, name: string) => lightColour(name))}\n`
}

const xmlns = 'http://www.w3.org/2000/svg'
const background = `<rect width="100%" height="100%" fill="${colours.page}"/>`

/** At the top right of the marks, where bars in ascending order leave room. */
function keyOf({ key, options }: ReportPlot): string {
  const rightPx = plotWidthPx - (options.marginRight ?? 0) - 16
  const lines = key.map(
    ({ colour, text }, i) =>
      html`<tspan x="${rightPx}" dy="${i === 0 ? 24 : 18}" fill="${colour}">${text}</tspan>`.markup,
  )
  return `<text text-anchor="end" font-weight="600">${lines.join('')}</text>`
}

function lightColour(name: string): string {
  const colour = new RegExp(`${name}: light-dark\\((#\\w+),`).exec(stylesheet)?.[1]
  if (colour === undefined) throw new Error(`report.css has no colour ${name}`)
  return colour
}
