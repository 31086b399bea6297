/**
 * The end of a test in a few lines: what was asked, what came, and whether the figures mean what they say. Pure, so
 * that it can be tested without k6.
 */

/** The part of k6's `handleSummary` data that is read here. */
export interface SummaryData {
  state: { testRunDurationMs: number }
  metrics: Record<string, Metric | undefined>
}

interface Metric {
  values: Record<string, number | undefined>
  thresholds?: Record<string, { ok: boolean }>
}

/** @returns the value of a metric's statistic, for example `value(data, 'http_req_duration', 'p(99)')` in ms. */
export function value({ metrics }: SummaryData, metric: string, statistic: string): number | undefined {
  return metrics[metric]?.values[statistic]
}

/** @param title of the test, as its heading. */
export function describe(title: string, data: SummaryData): string {
  const count = (metric: string) => value(data, metric, 'count') ?? 0
  const latency = (statistic: string) => milliseconds(value(data, 'http_req_duration', statistic))
  const dropped = count('dropped_iterations')
  // Missing where the test ended before k6 first took it.
  const users = value(data, 'vus_max', 'max')
  const failedChecks = value(data, 'checks', 'fails') ?? 0
  return [
    '',
    `  ${title}`,
    `  ${seconds(data.state.testRunDurationMs)}, ${count('http_reqs')} requests, ${perSecond(value(data, 'http_reqs', 'rate'))}${users === undefined ? '' : `, up to ${users} users`}`,
    `  latency  p50 ${latency('med')}  p90 ${latency('p(90)')}  p99 ${latency('p(99)')}  max ${latency('max')}`,
    `  failed   ${percent(value(data, 'http_req_failed', 'rate'))} of the requests, ${failedChecks} failed checks`,
    ...(dropped > 0
      ? [
          `  dropped  ${dropped} iterations that k6 could not start in time: all its users were waiting, or it lacked CPU.`,
          '           The load was less than asked; read the figures as "at least", and look at k6 first.',
        ]
      : []),
    ...brokenThresholds(data).map(broken => `  broken   ${broken}`),
    '',
    '',
  ].join('\n')
}

/** Every threshold that does not hold, as `metric: expression`. */
export function brokenThresholds({ metrics }: SummaryData): string[] {
  return Object.entries(metrics).flatMap(([name, metric]) =>
    Object.entries(metric?.thresholds ?? {}).flatMap(([expression, { ok }]) =>
      ok ? [] : [`${name}: ${expression}`],
    ),
  )
}

/** The text on the terminal and, where `jsonPath` is given, k6's whole data in a file: what `handleSummary` returns. */
export function outputs(text: string, data: object, jsonPath: string): Record<string, string> {
  return { stdout: text, ...(jsonPath === '' ? {} : { [jsonPath]: JSON.stringify(data, null, 2) }) }
}

export const milliseconds = (ms: number | undefined) =>
  ms === undefined ? '-' : `${ms.toFixed(ms < 10 ? 2 : 0)} ms`
export const perSecond = (rate: number | undefined) => `${(rate ?? 0).toFixed(0)} requests/s`
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
const percent = (ratio: number | undefined) => `${((ratio ?? 0) * 100).toFixed(2)} %`
