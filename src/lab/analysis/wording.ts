import type { Figure } from '../results.ts'

/** A number for people: three significant digits, thousands grouped: `12,300`, `54.1`, `0.482`. */
export function number(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 })
}

/** A number of things, whose plural ends in s: `1 row`, `12 rows`. */
export function counted(value: number, noun: string): string {
  return `${value} ${noun}${value === 1 ? '' : 's'}`
}

/** A figure with its spread: `54.1 us (53.2–55.8)`; a single repeat has none and says so. */
export function spread(figure: Figure, unit: string): string {
  return `${number(figure.median)} ${unit} (${range(figure)})`
}

/** Lowest to highest repeat: `53.2–55.8`, or `one run`. */
export function range({ low, high, repeats }: Figure): string {
  return repeats === 1 ? 'one run' : `${number(low)}–${number(high)}`
}

/** A share with its spread: `72 % (70–75 %)`. */
export function shareSpread({ median, low, high, repeats }: Figure): string {
  const range = repeats === 1 ? 'one run' : `${Math.round(low * 100)}–${percent(high)}`
  return `${percent(median)} (${range})`
}

/** How much more than one a ratio is, with its spread: `+13 % (+11 % to +15 %)`. */
export function change({ median, low, high, repeats }: Figure): string {
  const range = repeats === 1 ? 'one run' : `${signedPercent(low - 1)} to ${signedPercent(high - 1)}`
  return `${signedPercent(median - 1)} (${range})`
}

/** A share as a whole percentage: `98 %`. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

/** What shares the cores with the service. Without a reading of PostgreSQL it is not known that there is one. */
export function sharers(isPostgresRead: boolean): string {
  return isPostgresRead
    ? 'the API, PostgreSQL and the load generator'
    : 'the service, the load generator and whatever else runs here'
}

/** A change as a percentage, finer where it is small: `+3.2 %`, `−14 %`. */
export function signedPercent(share: number): string {
  const size = Math.abs(share) < 0.1 ? `${number(Math.abs(share) * 100)} %` : percent(Math.abs(share))
  return `${share < 0 ? '−' : '+'}${size}`
}

export function capitalised(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`
}
