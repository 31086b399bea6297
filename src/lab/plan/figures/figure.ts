import type { Figure, Sample } from '../../results.ts'
import type { Measured } from '../costs.ts'
import type { Assumptions, Objective, Sizing } from '../sizing.ts'

/** A value with its 95 % interval over repeats drawn anew. */
export interface Amount {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** What a figure rests on. */
interface Support {
  /** measured: within what was measured; extrapolated: beyond it; assumed: rests on what no measurement here says. */
  readonly basis: 'measured' | 'extrapolated' | 'assumed'
  /** Why it is not measured. */
  readonly because: string | null
}

export interface PlanFigure extends Amount, Support {
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly formula: string
}

/** All that the figures of a plan are computed from. */
export interface PlanInputs {
  readonly samples: readonly Sample[]
  readonly measured: Measured
  readonly objective: Objective
  readonly assumptions: Assumptions
  readonly sizing: Sizing
  /** A figure of the sizing, with its interval. */
  readonly interval: (of: (sizing: Sizing) => number) => Amount
}

export function exactly(value: number): Amount {
  return { value, low: value, high: value }
}

export function scaled({ median, low, high }: Figure, factor: number): Amount {
  return { value: median * factor, low: low * factor, high: high * factor }
}

export const measuredHere: Support = { basis: 'measured', because: null }

export function assumed(because: string): Support {
  return { basis: 'assumed', because }
}

/** @param passed in which way the figure lies beyond what was measured; false where it does not */
export function beyond(...passed: (string | false)[]): Support {
  const reasons = passed.filter(reason => reason !== false)
  return reasons.length === 0 ? measuredHere : { basis: 'extrapolated', because: reasons.join('; ') }
}
