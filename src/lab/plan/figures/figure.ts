import type { Sizing } from '../sizing.ts'

/** measured: within what was measured; extrapolated: beyond it; assumed: rests on what no measurement here says. */
export type Basis = 'measured' | 'extrapolated' | 'assumed'

export interface PlanFigure {
  readonly name: string
  readonly title: string
  readonly value: number
  /** 95 % interval over repeats drawn anew. */
  readonly low: number
  readonly high: number
  readonly unit: string
  readonly formula: string
  readonly basis: Basis
  /** Why it is not measured. */
  readonly because: string | null
}

/** A figure of the sizing, with its interval over the drawn repeats. */
export type Interval = (of: (sizing: Sizing) => number) => { value: number; low: number; high: number }

export function exactly(name: string, title: string, value: number, unit: string) {
  return { name, title, value, low: value, high: value, unit, basis: 'measured' as Basis, because: null }
}

export function beyond(
  limits: readonly (readonly [boolean, string])[],
): Pick<PlanFigure, 'basis' | 'because'> {
  const passed = limits.filter(([isPast]) => isPast).map(([, why]) => why)
  return passed.length === 0
    ? { basis: 'measured', because: null }
    : { basis: 'extrapolated', because: passed.join('; ') }
}
