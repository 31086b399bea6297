import { ratio } from '../analysis/figures.ts'
import { number, spread } from '../analysis/wording.ts'
import type { Figure, Reproduction } from '../results.ts'

/** Two ratios are of one order of size when they are within half a power of ten of each other. */
const sameOrder = Math.sqrt(10)

export interface ReportedComparison {
  /** `A1` … `C2`. */
  readonly finding: string
  /** What is compared with what, as `access log off against on`. */
  readonly compared: string
  readonly unit: string
  /** The two figures of the report, and how it words them. */
  readonly reported: readonly [first: number, second: number]
  readonly reportedText: string
  /** Our two; missing where it was not measured or could not be read. */
  readonly ours: readonly [first: Figure | null | undefined, second: Figure | null | undefined]
  /** What explains a difference from the report, where there is one; said only then. */
  readonly explanation?: string
}

/**
 * Whether a report's comparison comes out the same here. Machines, languages and frameworks differ, so only the ratio
 * of the two figures is compared: it must be in the same direction in every repeat, and of the same order of size. A
 * comparison that is not reproduced is a result too, and says why.
 */
export function reproduction(comparison: ReportedComparison): Reproduction {
  const { finding, compared, unit, reported, reportedText, ours, explanation } = comparison
  const [first, second] = ours
  const reportedRatio = reported[1] / reported[0]
  const base = { finding, compared, reported: reportedText }
  if (!first || !second || first.median === 0) {
    return {
      ...base,
      ours: 'not measured',
      ratio: { reported: reportedRatio, ours: null },
      reproduced: false,
      because: 'one of the two was not measured',
    }
  }
  const ourRatio = ratio(second, first)
  const { reproduced, because } = compareRatios(reportedRatio, ourRatio)
  return {
    ...base,
    ours: `${spread(first, unit)} → ${spread(second, unit)}`,
    ratio: { reported: reportedRatio, ours: ourRatio },
    reproduced,
    because: reproduced || explanation === undefined ? because : `${because}: ${explanation}`,
  }
}

function compareRatios(reported: number, ours: Figure): Pick<Reproduction, 'reproduced' | 'because'> {
  const here = `${spread(ours, 'times')} here`
  const there = `${number(reported)} times in the report`
  const isSameWay = reported > 1 ? ours.low > 1 : ours.high < 1
  if (!isSameWay) {
    const isOpposite = reported > 1 ? ours.high < 1 : ours.low > 1
    return {
      reproduced: false,
      because: `${here} ${isOpposite ? 'is the opposite of' : 'is no difference beyond the noise, against'} ${there}`,
    }
  }
  const reproduced = Math.max(ours.median / reported, reported / ours.median) <= sameOrder
  return {
    reproduced,
    because: `${here} ${reproduced ? 'is of the same order of size as' : 'is in the same direction, but not of the same order of size as'} ${there}`,
  }
}

/** A finding that is no comparison of two figures: the statement, and whether it holds here. */
export function statement(finding: Omit<Reproduction, 'ratio'> & { ratio?: Figure | null }): Reproduction {
  return { ...finding, ratio: { reported: null, ours: finding.ratio ?? null } }
}
