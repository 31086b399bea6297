import { formatNumber } from '../report/format.ts'
import { type Html, html } from '../report/html.ts'

/** Requests answered per second at a moment, from the load generator. */
export interface RateReading {
  readonly atMs: number
  readonly perS: number
}

export const shownS = 60
/** After so long without a reading no load was sent, and the line has a gap. */
const gapMs = 1500
const width = 880
const height = 72
const ceilingY = 18

/**
 * The rate of the last minute as a line, from zero. Drawn by hand, a hundred times cheaper than a plot, because
 * it is drawn every second while the service is being measured.
 */
export function rateLine(readings: readonly RateReading[], nowMs: number): Html {
  const shown = readings.filter(({ atMs }) => nowMs - atMs <= shownS * 1000)
  const highest = Math.max(...shown.map(({ perS }) => perS), 0)
  if (highest === 0) return html`<p class="note">No load in the last minute.</p>`
  const x = ({ atMs }: RateReading) => width - ((nowMs - atMs) / (shownS * 1000)) * width
  const y = ({ perS }: RateReading) => height - (perS / highest) * (height - ceilingY)
  const path = shown.map((reading, i) => {
    const previous = shown[i - 1]
    const isJoined = previous !== undefined && reading.atMs - previous.atMs <= gapMs
    return `${isJoined ? 'L' : 'M'}${x(reading).toFixed(1)} ${y(reading).toFixed(1)}`
  })
  const range = `from 0 to ${formatNumber(highest)} req/s`
  return html`<svg class="rate-line" viewBox="0 0 ${width} ${height}" role="img" aria-label="Rate of the last minute, ${range}">
    <line x1="0" x2="${width}" y1="${ceilingY}" y2="${ceilingY}" stroke="var(--grid)"></line>
    <line x1="0" x2="${width}" y1="${height - 0.5}" y2="${height - 0.5}" stroke="var(--line)"></line>
    <path d="${path.join('')}" fill="none" stroke="var(--api)" stroke-width="2" stroke-linejoin="round"></path>
    <text x="0" y="12" fill="var(--muted)" font-size="12">${formatNumber(highest)} req/s, highest of the last minute</text>
  </svg>`
}
