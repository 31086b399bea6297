import type { LoadResult } from './generator.ts'
import type { PreparedRequest } from './templates.ts'

/** What the lab and its autocannon process say to each other. */
export type ToChild = { type: 'start'; plan: ChildPlan } | { type: 'open' } | { type: 'close' }
export type FromChild =
  | { type: 'ready' }
  | { type: 'live'; ratePerS: number }
  | { type: 'result'; result: LoadResult }

export interface ChildPlan {
  readonly origin: string
  readonly requests: readonly PreparedRequest[]
  /** Indexes into `requests`, in the order each connection sends them. */
  readonly order: readonly number[]
  readonly connections: number
  /** How many of them start each second; null: all at once. */
  readonly rampPerS: number | null
  /** Held by all connections together; null: as fast as they can. */
  readonly ratePerS: number | null
  readonly warmupS: number
  readonly durationS: number
  readonly timeoutS: number
  /** The value of the first `{n}`. The next requests count on from it. */
  readonly firstNumber: number
}
