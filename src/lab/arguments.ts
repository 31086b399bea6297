import { InvalidArgumentError } from 'commander'

/** Parsers of command-line arguments that more than one command takes, and the way back. */

export function seconds(text: string): number {
  const value = Number(text)
  if (value >= 1 && value <= 3600) return value
  throw new InvalidArgumentError('Give seconds from 1 to 3600.')
}

export function positive(text: string): number {
  const value = Number(text)
  if (value > 0 && Number.isFinite(value)) return value
  throw new InvalidArgumentError('Give a number above 0.')
}

export function count(most: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (Number.isInteger(value) && value >= 1 && value <= most) return value
    throw new InvalidArgumentError(`Give a whole number from 1 to ${most}.`)
  }
}

export function isHttpUrl(text: string): boolean {
  return /^https?:$/.test(URL.parse(text)?.protocol ?? '')
}

export function httpUrl(text: string): string {
  if (isHttpUrl(text)) return text
  throw new InvalidArgumentError('Give a URL such as http://127.0.0.1:8000.')
}

/** A word of a command line, as a shell reads it. */
export function quoted(word: string): string {
  return /^[\w./:=,@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

export function path(text: string): string {
  if (text.startsWith('/')) return text
  throw new InvalidArgumentError('Give a path such as /items?limit=10.')
}
