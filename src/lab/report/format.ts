import type { Estimate, Figure, Limit } from '../results.ts'

const thinSpace = '\u202f'

/** Shown wherever a figure is null: an unmeasured value is never zero. */
export const notMeasured = 'not measured'

/**
 * A number with `significant` digits and thousands grouped: 11243 → `11,200` with 3 digits. Digits are
 * dropped by rounding, never by switching to an exponent.
 */
export function formatNumber(value: number, significant = 3): string {
  return atStep(value, magnitude(value) - significant + 1)
}

/** A number that was set, not measured (a setting, an axis tick): all its digits, none added. */
export function formatSetting(value: number): string {
  return grouped(value, 0, 6)
}

export interface FormattedFigure {
  median: string
  range: string | null
}

/**
 * A figure to three significant digits of its median, or with `decimals` where the column's scale is known (cores, per
 * cent busy); low and high end at the same digit. `range` is null for a single repeat, which has no spread to show.
 */
export function formatFigure(figure: Figure, decimals?: number): FormattedFigure {
  const step = decimals === undefined ? stepOf(figure) : -decimals
  return {
    median: atStep(figure.median, step),
    range: figure.repeats > 1 ? `${atStep(figure.low, step)}–${atStep(figure.high, step)}` : null,
  }
}

/**
 * Medians that are added up, all to the digits that the largest of them shows: `84.7 + 0.1 + 70.0`. null reads `?`.
 */
export function formatSum(figures: readonly (Figure | null)[]): string {
  const largest = Math.max(...figures.map(figure => figure?.median ?? 0))
  const decimals = Math.max(0, 2 - magnitude(largest))
  return figures
    .map(figure => (figure === null ? '?' : grouped(figure.median, decimals, decimals)))
    .join(' + ')
}

/** A figure in running text: `54.2 µs (52.9–55.8)`; a single repeat says so instead of a range. */
export function figureInText(figure: Figure, unit: string, decimals?: number): string {
  const { median, range } = formatFigure(figure, decimals)
  return `${median}${thinSpace}${unit} (${range ?? 'one run'})`
}

/** An estimate with the ends of its interval: `7,310 (7,190–7,420)`. */
export function formatEstimate({ value, low, high }: Estimate): string {
  return `${formatNumber(value)} (${formatNumber(low)}–${formatNumber(high)})`
}

/** The same figure in another unit, for example a share of 1 in per cent. */
export function scaleFigure(figure: Figure, factor: number): Figure {
  return {
    median: figure.median * factor,
    low: figure.low * factor,
    high: figure.high * factor,
    repeats: figure.repeats,
  }
}

/** `3 repeats`, `3 to 5 repeats`, or `one run`: n, for notes below plots and tables. */
export function formatRepeats(figures: readonly Figure[]): string {
  const counts = figures.map(figure => figure.repeats)
  const fewest = Math.min(...counts)
  const most = Math.max(...counts)
  if (most === 1) return 'one run'
  return fewest === most ? `${most} repeats` : `${fewest} to ${most} repeats`
}

/** An ISO instant as `2026-11-23 06:40 UTC`; anything else unchanged. */
export function formatInstant(iso: string): string {
  const instant = new Date(iso)
  return Number.isNaN(instant.getTime()) ? iso : `${instant.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** A label short enough for an axis; tables show it whole. */
export function shorten(label: string, characters: number): string {
  return label.length > characters ? `${label.slice(0, characters - 1).trimEnd()}…` : label
}

/** The name of a limit in a sentence. */
export const limitNames: Record<Limit, string> = {
  'api-cpu': 'CPU of the API',
  'connection-pool': 'connection pool',
  'database-cpu': 'CPU of PostgreSQL',
  'database-io': 'PostgreSQL input and output',
  'database-locks': 'locks in PostgreSQL',
  'database-connections': 'PostgreSQL connections',
  'load-generator': 'load generator',
  'external-wait': 'waiting outside the service',
  memory: 'memory',
  'host-cpu': 'CPU of the whole host',
  environment: 'environment',
  'none-observed': 'no limit reached',
  inconclusive: 'inconclusive',
}

/** The ledger's entries in words: the requests' own, and each bucket of what belongs to none. */
export const ledgerEntries: ReadonlyMap<string, string> = new Map([
  ['request', 'charged to the request'],
  ['http', 'HTTP parsing, socket reads'],
  ['sockets', 'reads from shared connections'],
  ['after_response', 'after the response'],
  ['telemetry', 'telemetry'],
  ['helper_threads', 'helper threads'],
  ['startup', 'startup'],
  ['rest', 'timers, event loop'],
])

function stepOf(figure: Figure): number {
  return magnitude(figure.median === 0 ? figure.high : figure.median) - 2
}

/** Exponent of the first significant digit: 0 for 1 to 9.99, 3 for 1,000 to 9,999. */
function magnitude(value: number): number {
  return value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)))
}

/** `value` rounded to a multiple of 10^step. */
function atStep(value: number, step: number): string {
  if (value === 0) return '0'
  const decimals = Math.min(Math.max(-step, 0), 12)
  const rounded = step > 0 ? Math.round(value / 10 ** step) * 10 ** step : value
  return grouped(rounded, decimals, decimals)
}

/** The one place that writes digits, as the terminal writes them: `12,345.6`. */
function grouped(value: number, fewestDecimals: number, mostDecimals: number): string {
  const format = new Intl.NumberFormat('en', {
    minimumFractionDigits: fewestDecimals,
    maximumFractionDigits: mostDecimals,
  })
  return format.format(value)
}
