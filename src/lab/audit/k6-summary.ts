import { Type } from 'typebox'
import { Value } from 'typebox/value'
import {
  jsonOrNull,
  numberIn,
  percentilesIn,
  type StatedResult,
  unstated,
  type Values,
} from './stated-result.ts'

const Named = Type.Record(Type.String(), Type.Unknown())

/** What `handleSummary` is given has `values` in each metric; the file of `--summary-export` has none. */
const Summary = Type.Object({
  metrics: Type.Record(Type.String(), Named),
  state: Type.Optional(Type.Object({ testRunDurationMs: Type.Number() })),
})

/** What k6 writes with `--new-machine-readable-summary`. */
const NewSummary = Type.Object({
  config: Type.Object({ duration: Type.Number() }),
  results: Type.Object({
    metrics: Type.Array(Type.Object({ name: Type.String(), values: Named })),
  }),
})

/** Reads the end-of-test summary of k6 in each of its three shapes; null where the text is something else. */
export function readK6Summary(text: string): StatedResult | null {
  const json = jsonOrNull(text)
  if (Value.Check(Summary, json)) {
    const { metrics, state } = json
    const byName = new Map(Object.entries(metrics).map(([name, metric]) => [name, valuesOf(metric)]))
    return statedBy(byName, state === undefined ? null : state.testRunDurationMs / 1000)
  }
  if (Value.Check(NewSummary, json)) {
    const byName = new Map(json.results.metrics.map(({ name, values }) => [name, values]))
    return statedBy(byName, json.config.duration)
  }
  return null
}

function statedBy(metrics: ReadonlyMap<string, Values>, durationS: number | null): StatedResult | null {
  const metric = (name: string) => metrics.get(name) ?? {}
  const requests = numberIn(metric('http_reqs'), 'count')
  if (requests === null) return null
  const rateOf = (values: Values) =>
    numberIn(values, 'rate') ?? (durationS === null ? null : (numberIn(values, 'count') ?? 0) / durationS)
  const ratePerS = rateOf(metric('http_reqs'))
  if (ratePerS === null) return null
  const duration = metric('http_req_duration')
  const iterationRate = rateOf(metric('iterations'))
  const iterationMs = numberIn(metric('iteration_duration'), 'avg')
  const failed = metric('http_req_failed')
  return {
    ...unstated,
    generator: 'k6',
    users: numberIn(metric('vus_max'), 'max') ?? numberIn(metric('vus_max'), 'value'),
    durationS: durationS ?? (ratePerS > 0 ? requests / ratePerS : null),
    requests,
    ratePerS,
    // A request that failed passes the condition "failed".
    failed: numberIn(failed, 'passes') ?? numberIn(failed, 'matches') ?? 0,
    failedChecks: failedShare(metric('checks')),
    dropped: numberIn(metric('dropped_iterations'), 'count') ?? 0,
    iterations:
      iterationRate === null || iterationMs === null
        ? null
        : { ratePerS: iterationRate, meanMs: iterationMs },
    latencyMs: {
      mean: numberIn(duration, 'avg'),
      min: numberIn(duration, 'min'),
      max: numberIn(duration, 'max'),
      deviation: null,
      percentiles: percentilesIn({ ...duration, p50: duration['med'] }, /^p\(?([\d.]+)\)?$/),
      rounding: { ms: 0.001, share: 0 },
      addsUnsent: 'no',
    },
  }
}

function failedShare(checks: Values): number | null {
  const passed = numberIn(checks, 'passes') ?? numberIn(checks, 'matches')
  const failed = numberIn(checks, 'fails')
  const all = numberIn(checks, 'total') ?? (passed === null || failed === null ? null : passed + failed)
  return passed === null || all === null || all === 0 ? null : 1 - passed / all
}

function valuesOf(metric: Values): Values {
  return Value.Check(Named, metric['values']) ? metric['values'] : metric
}
