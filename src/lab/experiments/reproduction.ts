import { ratio } from '../analysis/figures.ts'
import { number, spread } from '../analysis/wording.ts'
import type { Figure, Reproduction } from '../results.ts'

/** Two ratios are of one order of size when they are within half a power of ten of each other. */
const sameOrder = Math.sqrt(10)

export interface Comparison {
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
 * Whether a report's comparison comes out the same here. Machines, languages and frameworks differ, so the
 * figures are not compared, their ratio is: it must point the same way in every repeat and be of the same
 * order of size. What does not is a result as well, with what shows it.
 */
export function reproduction(comparison: Comparison): Reproduction {
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
  const { reproduced, because } = judged(reportedRatio, ourRatio)
  return {
    ...base,
    ours: `${spread(first, unit)} → ${spread(second, unit)}`,
    ratio: { reported: reportedRatio, ours: ourRatio },
    reproduced,
    because: reproduced || explanation === undefined ? because : `${because}: ${explanation}`,
  }
}

function judged(reported: number, ours: Figure): Pick<Reproduction, 'reproduced' | 'because'> {
  const here = `${spread(ours, 'times')} here`
  const there = `${number(reported)} times in the report`
  const isSameWay = reported > 1 ? ours.low > 1 : ours.high < 1
  if (!isSameWay) {
    const isOpposite = reported > 1 ? ours.high < 1 : ours.low > 1
    return {
      reproduced: false,
      because: `${here} ${isOpposite ? 'point the other way than' : 'are no difference beyond the noise, against'} ${there}`,
    }
  }
  const reproduced = Math.max(ours.median / reported, reported / ours.median) <= sameOrder
  return {
    reproduced,
    because: `${here} ${reproduced ? 'are of the order of size of' : 'point the same way, but are not of the order of size of'} ${there}`,
  }
}

/** A finding that is no comparison of two figures: the statement, and whether it holds here. */
export function statement(finding: Omit<Reproduction, 'ratio'> & { ratio?: Figure | null }): Reproduction {
  return { ...finding, ratio: { reported: null, ours: finding.ratio ?? null } }
}
