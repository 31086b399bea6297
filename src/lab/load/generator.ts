import type { RequestTemplate } from './templates.ts'

/**
 * The one interface behind which a load generator stands. A generator runs in a process of its own, never
 * in the lab's: its CPU must be readable apart from everything else, and a busy lab must not delay it.
 */
export interface LoadGenerator {
  readonly name: 'k6' | 'undici' | 'wrk'
  readonly version: string
  /**
   * Sends the load, warm-up first, and resolves with what it measured after the warm-up. Rejects with the
   * signal's reason when that fires, and with LAB_LOAD_GENERATOR when the generator itself fails.
   */
  run(plan: LoadPlan, hooks: LoadHooks): Promise<LoadResult>
}

/** closed: each connection waits for its answer. open: arrivals at a rate, whatever the answers do. */
export type LoadShape =
  | {
      readonly mode: 'closed'
      readonly connections: number
      /** So many more clients each second, until all are there; without it all start at once. */
      readonly rampPerS?: number
    }
  | { readonly mode: 'open'; readonly ratePerS: number; readonly maxConnections: number }

/** How long until all clients of a closed loop are there. */
export function rampS(shape: LoadShape): number {
  return shape.mode === 'closed' && shape.rampPerS !== undefined ? shape.connections / shape.rampPerS : 0
}

export interface LoadPlan {
  readonly baseUrl: string
  readonly requests: readonly RequestTemplate[]
  readonly shape: LoadShape
  /** The ramp, if any, is part of it. */
  readonly warmupS: number
  readonly durationS: number
  /** Accept any certificate. wrk always does. */
  readonly insecure?: boolean
  /** A request without an answer after this time has failed; 30 by default. */
  readonly timeoutS?: number
}

export const defaultTimeoutS = 30

export interface LoadHooks {
  readonly signal: AbortSignal
  /** Requests answered a second, about twice a second, warm-up included. */
  onLive(ratePerS: number): void
  /** Called at the instant the window opens and closes, so that the probes read the same window. */
  onWindow(edge: 'opens' | 'closes', generatorPid: number): void
}

/** What one window showed. */
export interface LoadResult {
  /** Answers with 2xx; wrk counts 3xx too. */
  readonly succeeded: number
  /** Other answers, and requests that got none. */
  readonly failed: number
  /** Of those, how many by how: the status, or `no answer`. */
  readonly failures: Readonly<Record<string, number>>
  /** Arrivals that were due and could not be sent; always 0 in a closed loop. */
  readonly dropped: number
  readonly durationS: number
  /**
   * Share of the window in which the generator was due to run, used no CPU and did not run: stopped,
   * throttled, or without a core. null where it does not say.
   */
  readonly stalled: number | null
  readonly latencyMs: {
    readonly p50: number
    readonly p90: number
    readonly p95: number
    readonly p99: number
    readonly max: number
    readonly mean: number
  }
}
