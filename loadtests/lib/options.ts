import type { Options, Scenario } from 'k6/options'
import { text } from './env.ts'

/** What "good" means, for all scenarios: nearly no errors, and answers in time. */
export interface Objective {
  /** 99th percentile of the latency, ms. */
  p99Ms: number
  /** Share of requests that may fail. */
  failedRatio: number
}

/** The thresholds of an objective, for the whole test or for the requests of one scenario. */
export function thresholds(
  { p99Ms, failedRatio }: Objective,
  scenario?: string,
): NonNullable<Options['thresholds']> {
  const of = scenario === undefined ? '' : `{scenario:${scenario}}`
  return {
    [`http_req_duration${of}`]: [`p(99)<${p99Ms}`],
    [`http_req_failed${of}`]: [`rate<${failedRatio}`],
  }
}

/** Requests at a fixed rate, whatever the answers do (open loop). */
export function arrivals(phase: {
  ratePerS: number
  startS: number
  durationS: number
  maxVUs: number
}): Scenario {
  const { ratePerS, startS, durationS, maxVUs } = phase
  return {
    executor: 'constant-arrival-rate',
    rate: ratePerS,
    timeUnit: '1s',
    startTime: `${startS}s`,
    duration: `${durationS}s`,
    // All from the start: a user that is made in the middle would be late, and look like the service.
    preAllocatedVUs: maxVUs,
    maxVUs,
    gracefulStop: '1s',
  }
}

/**
 * The options of a test: its scenarios, and what all tests share.
 * @param testid tells runs apart in Grafana: a tag of k6's figures, and part of the user agent, which the service
 * puts into its traces. `TESTID` chooses one.
 */
export function testOptions(
  name: string,
  options: Options & { scenarios: Record<string, Scenario> },
  testid = text('TESTID', `${name}-${new Date().toISOString().slice(0, 19)}`),
): Options {
  return {
    tags: { testid },
    userAgent: `k6 (${testid})`,
    // Bodies cost k6 CPU that it may share with the service; the few requests that need theirs ask for it.
    discardResponseBodies: true,
    summaryTrendStats: ['avg', 'min', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'],
    ...options,
  }
}
