export interface Summary {
  readonly median: number
  /** The median's standard error. */
  readonly error: number
}

/** The median and its standard error, from the median absolute deviation (1.4826 and 1.2533: normal). */
export function summary(values: readonly number[]): Summary {
  const middle = median(values)
  const spread = 1.4826 * median(values.map(value => Math.abs(value - middle)))
  return { median: middle, error: (1.2533 * spread) / Math.sqrt(values.length) }
}

/**
 * How far a ratio is from 1 beyond what the spread of its rounds can explain: three standard errors. A busy
 * machine widens the spread and decides nothing; a ledger that reads wrongly does so in every round.
 */
export function offByAtLeast({ median: middle, error }: Summary): number {
  return Math.abs(middle - 1) - 3 * error
}

/** Whether more rounds are needed to compare the median with `bar`. Their number depends on the spread, never on the result. */
export function isUnclear(values: readonly number[], bar: number): boolean {
  return summary(values).error > bar / 3
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

export function withError({ median: middle, error }: Summary, digits: number): string {
  return `${middle.toFixed(digits)} ± ${error.toFixed(digits)}`
}
