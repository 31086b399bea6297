/**
 * Environment variables of a scenario (`k6 run -e NAME=value`, or the container's). A wrong value stops the test at
 * once: a load test that silently ran with a default measures something else than was asked.
 */
export function text(name: string, fallback: string): string {
  return __ENV[name] || fallback
}

/** A number above zero. */
export function positive(name: string, fallback: number): number {
  const value = Number(text(name, String(fallback)))
  if (!(value > 0)) throw new Error(`${name} must be a number above 0, not "${__ENV[name]}"`)
  return value
}

/** How many of something there are: 1, 2, 3 … */
export function wholeNumber(name: string, fallback: number): number {
  const value = positive(name, fallback)
  if (!Number.isInteger(value)) throw new Error(`${name} must be a whole number, not "${__ENV[name]}"`)
  return value
}

/** k6's notation of a duration, for example `30s` or `5m`. */
export function duration(name: string, fallback: string): string {
  const value = text(name, fallback)
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(value))
    throw new Error(`${name} must be a duration like 30s or 5m, not "${value}"`)
  return value
}

/** One of the given words; the first where none is given. */
export function oneOf<const Word extends string>(name: string, words: readonly [Word, ...Word[]]): Word {
  const value = text(name, words[0])
  const word = words.find(word => word === value)
  if (word === undefined) throw new Error(`${name} must be ${words.join(' or ')}, not "${value}"`)
  return word
}

/** The service under test, without a slash at the end. */
export const baseUrl = text('BASE_URL', 'http://127.0.0.1:8000').replace(/\/+$/, '')
