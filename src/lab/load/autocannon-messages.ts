import type { LoadResult } from './generator.ts'
import type { RequestTemplate } from './templates.ts'

/** What the lab and its autocannon process say to each other. */
export type ToChild = { type: 'start'; plan: ChildPlan } | { type: 'open' } | { type: 'close' }
export type FromChild =
  | { type: 'ready' }
  | { type: 'live'; ratePerS: number }
  | { type: 'result'; result: LoadResult }

export interface ChildPlan {
  readonly baseUrl: string
  readonly requests: readonly RequestTemplate[]
  /** Indexes into `requests`, in the order each connection sends them. */
  readonly order: readonly number[]
  readonly connections: number
  /** How many of them start each second; null: all at once. */
  readonly rampPerS: number | null
  /** Held by all connections together; null: as fast as they can. */
  readonly ratePerS: number | null
  readonly warmupS: number
  readonly durationS: number
}
