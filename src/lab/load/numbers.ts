import { numbersPerS } from './templates.ts'

const firstDay = Date.UTC(2026, 0, 1)
let nextFree = 0

/**
 * Takes the numbers that a load of so many seconds may put in place of `{n}`; gives the first. The ranges of a process
 * are disjoint. They follow the clock, so that those of a later run are others too, and a row with a unique key
 * that an earlier run inserted is not met again. They stay exact in a double until 2054.
 */
export function takeNumbers(forS: number): number {
  const first = Math.max(nextFree, Math.floor(((Date.now() - firstDay) / 1000) * numbersPerS))
  nextFree = first + Math.ceil(forS * numbersPerS)
  return first
}
