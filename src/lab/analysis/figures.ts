import type { Figure } from '../results.ts'

/** The middle of the values (the mean of the two middle ones of an even count); null of none. */
export function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.floor((sorted.length - 1) / 2)]
  return upper === undefined || lower === undefined ? null : (lower + upper) / 2
}

/** The figure of one or more repeats; null of none. */
export function figureOf(repeats: readonly number[]): Figure | null {
  const middle = median(repeats)
  if (middle === null) return null
  return {
    median: middle,
    low: Math.min(...repeats),
    high: Math.max(...repeats),
    repeats: repeats.length,
    values: [...repeats],
  }
}

/** The figure of all repeats; null where one of them has no reading. */
export function figureOrNull(repeats: readonly (number | null)[]): Figure | null {
  return repeats.every(value => value !== null) ? figureOf(repeats) : null
}

/** A figure seen through a function that never decreases. */
export function mapFigure(figure: Figure, increasing: (value: number) => number): Figure {
  return {
    median: increasing(figure.median),
    low: increasing(figure.low),
    high: increasing(figure.high),
    repeats: figure.repeats,
  }
}

/** `numerator / figure`: large where the figure is low. */
export function inverse(figure: Figure, numerator: number): Figure {
  return {
    median: numerator / figure.median,
    low: numerator / figure.high,
    high: numerator / figure.low,
    repeats: figure.repeats,
  }
}

/** The ratio of two figures, its bounds those of the least and the most favourable pair of repeats. */
export function ratio(of: Figure, to: Figure): Figure {
  return {
    median: of.median / to.median,
    low: of.low / to.high,
    high: of.high / to.low,
    repeats: Math.min(of.repeats, to.repeats),
  }
}

/**
 * The ratio of two figures whose values were measured in pairs, pair by pair, so that the pace of the machine
 * cancels. null where the values do not pair up.
 */
export function ratioByRepeat(of: Figure, to: Figure): Figure | null {
  return byRepeat(of, to, (above, below) => above / below)
}

/** What one figure is more than another, repeat by repeat, as {@link ratioByRepeat}. */
export function differenceByRepeat(of: Figure | null, less: Figure | null): Figure | null {
  return of === null || less === null ? null : byRepeat(of, less, (more, fewer) => more - fewer)
}

function byRepeat(a: Figure, b: Figure, combine: (a: number, b: number) => number): Figure | null {
  const [first, second] = [a.values ?? [], b.values ?? []]
  if (first.length !== second.length) return null
  return figureOf(first.map((value, repeat) => combine(value, second[repeat] ?? Number.NaN)))
}

/** Whether no repeat of one figure reaches into the other: the simplest test of a difference. */
export function apart(a: Figure, b: Figure): boolean {
  return a.low > b.high || b.low > a.high
}
