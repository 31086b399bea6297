/** What the result of a load generator states, in the same units for every generator. null: the file does not say. */
export interface StatedResult {
  readonly generator: 'k6' | 'wrk' | 'autocannon' | 'Locust'
  /** Clients at their most: connections or virtual users. */
  readonly users: number | null
  /** Requests that one client may have in flight at once: HTTP pipelining. */
  readonly requestsPerUser: number
  /** Clients of a `closed` generator send the next request as soon as the last one is answered. */
  readonly loop: 'closed' | 'unknown'
  /** Threads or processes of the generator, each of which can use one core. */
  readonly threads: number | null
  readonly durationS: number | null
  /** Requests that were answered, with whatever status, and how many a second. */
  readonly requests: number
  readonly ratePerS: number
  /** Of `requests`: those that failed. */
  readonly failed: number
  /** Requests without an answer that are not among `requests`. */
  readonly unanswered: number
  /** Of the checks that a k6 script makes of the answers, the share that failed, 0 … 1; null: it makes none. */
  readonly failedChecks: number | null
  /** Requests that were due and never sent. */
  readonly dropped: number
  /** Iterations of a k6 script: how many a second, and how long one took on average. */
  readonly iterations: { readonly ratePerS: number; readonly meanMs: number } | null
  readonly latencyMs: StatedLatency
}

export interface StatedLatency {
  readonly mean: number | null
  readonly min: number | null
  readonly max: number | null
  readonly deviation: number | null
  /** In ascending order of their share, 0 … 1. */
  readonly percentiles: readonly Percentile[]
  /** Values are rounded by at most `ms` plus `share` of the value. */
  readonly rounding: { readonly ms: number; readonly share: number }
  /**
   * Whether the generator adds latencies of requests that it did not send because earlier answers were late, so that
   * Little's law does not hold: `wrk` as wrk 4 does it, `yes` in another way.
   */
  readonly addsUnsent: 'no' | 'wrk' | 'yes'
}

export interface Percentile {
  readonly share: number
  readonly ms: number
}

/** What a result states if its generator says nothing of it. */
export const unstated = {
  users: null,
  requestsPerUser: 1,
  loop: 'unknown',
  threads: null,
  durationS: null,
  failed: 0,
  unanswered: 0,
  failedChecks: null,
  dropped: 0,
  iterations: null,
} as const

/** What a generator writes by names that it chose, such as a row of a table. */
export type Values = Readonly<Record<string, unknown>>

export function numberIn(values: Values, name: string): number | null {
  const value = values[name]
  return typeof value === 'number' ? value : null
}

/** The values whose names have a percentage where the pattern has its group; `97_5` is 97.5. */
export function percentilesIn(values: Values, pattern: RegExp): Percentile[] {
  return Object.entries(values)
    .flatMap(([name, ms]) => {
      const percent = pattern.exec(name)?.[1]?.replace('_', '.')
      return percent === undefined || typeof ms !== 'number' ? [] : [{ share: Number(percent) / 100, ms }]
    })
    .toSorted((a, b) => a.share - b.share)
}

export function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
