import { numbersPerS } from './templates.ts'

const firstDay = Date.UTC(2026, 0, 1)
let nextFree = 0

/**
 * Reserves the numbers that a load of this many seconds may put in place of `{n}`, and returns the first. The ranges of
 * a process are disjoint. They follow the clock, so a later run has other numbers, and its unique keys do not conflict
 * with the rows of an earlier run. They stay exact in a double until 2054.
 */
export function takeNumbers(forS: number): number {
  const first = Math.max(nextFree, Math.floor(((Date.now() - firstDay) / 1000) * numbersPerS))
  nextFree = first + Math.ceil(forS * numbersPerS)
  return first
}
