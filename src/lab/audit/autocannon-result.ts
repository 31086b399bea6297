import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { jsonOrNull, percentilesIn, type StatedResult, unstated } from './stated-result.ts'

/** The parts of autocannon's JSON that are read. Latencies are whole milliseconds. */
const Result = Type.Object({
  connections: Type.Number(),
  pipelining: Type.Optional(Type.Number()),
  workers: Type.Optional(Type.Number()),
  duration: Type.Number({ exclusiveMinimum: 0 }),
  errors: Type.Number(),
  non2xx: Type.Number(),
  mismatches: Type.Optional(Type.Number()),
  requests: Type.Object({ average: Type.Number(), total: Type.Number() }),
  latency: Type.Intersect([
    Type.Object({
      average: Type.Number(),
      min: Type.Number(),
      max: Type.Number(),
      stddev: Type.Number(),
      totalCount: Type.Optional(Type.Number()),
    }),
    Type.Record(Type.String(), Type.Unknown()),
  ]),
})

/** More latencies than requests by this much were not measured. */
const entriesTolerated = 1.01

/** Reads what `autocannon --json` prints; null where the text is something else. */
export function readAutocannonResult(text: string): StatedResult | null {
  // The JSON may follow other lines of a log.
  const result = [text, ...text.split('\n')].map(jsonOrNull).find(json => Value.Check(Result, json))
  if (result === undefined) return null
  const {
    connections,
    pipelining = 1,
    workers = 1,
    duration,
    errors,
    non2xx,
    mismatches = 0,
    requests,
    latency,
  } = result
  return {
    ...unstated,
    generator: 'autocannon',
    users: connections,
    requestsPerUser: pipelining,
    loop: 'closed',
    threads: Math.max(1, workers),
    durationS: duration,
    requests: requests.total,
    ratePerS: requests.average,
    failed: non2xx + mismatches,
    unanswered: errors,
    latencyMs: {
      mean: latency.average,
      min: latency.min,
      max: latency.max,
      deviation: latency.stddev,
      percentiles: percentilesIn(latency, /^p(\d+(?:_\d+)?)$/),
      rounding: { ms: 1, share: 0.002 },
      addsUnsent: (latency.totalCount ?? 0) > requests.total * entriesTolerated ? 'yes' : 'no',
    },
  }
}
