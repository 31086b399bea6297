import { metricNames } from '../telemetry/metric-names.ts'

/**
 * The few forms of PromQL that the panels share. `$__rate_interval` is Grafana's: four scrapes or more, so that each
 * rate has enough samples. If nothing happened there is no mean and no quantile: each form then gives no series,
 * because a division by zero would be shown as infinity or as the last known value.
 */
const window = '[$__rate_interval]'

/** Prometheus, Tempo and the exporter also report their CPU and memory under the names that the service uses. */
const service = 'job="service"'
const instance = `${service},instance=~"$instance"`

/** The label matchers behind the dashboards' variables. `All` is `.*`, which also matches series without the label. */
export const filters = {
  /** All workers, whatever is chosen. */
  service,
  instance,
  strategy: `${instance},http_route=~"$route",insert_strategy=~"$strategy"`,
  /**
   * For series that rules record by instance. Only the service has them, so they have no job. The machine's have no
   * instance.
   */
  recorded: 'instance=~"$instance|"',
  testid: 'testid=~"$testid"',
} as const

type Grouping = readonly string[]
const by = (labels: Grouping) => (labels.length > 0 ? ` by (${labels.join(', ')})` : '')

/** Per second growth of a counter, summed over everything but `labels`. */
export function rate(counter: string, filter: string, labels: Grouping = []): string {
  return `sum${by(labels)} (rate(${counter}{${filter}}${window}))`
}

/** One rate divided by another, if the other is not zero. */
export function ratio(dividend: string, divisor: string, matching = ''): string {
  return `${dividend} /${matching === '' ? '' : ` ${matching}`} (${divisor} > 0)`
}

/** Mean of a histogram's observations, in the histogram's unit. */
export function mean(histogram: string, filter: string, labels: Grouping = []): string {
  return ratio(rate(`${histogram}_sum`, filter, labels), rate(`${histogram}_count`, filter, labels))
}

/** A quantile (0..1) of a histogram's observations, interpolated within a bucket. `>= 0` is true of every number. */
export function quantile(q: number, histogram: string, filter: string, labels: Grouping = []): string {
  return `histogram_quantile(${q}, ${rate(`${histogram}_bucket`, filter, ['le', ...labels])}) >= 0`
}

/** The same of a native histogram, which has no buckets of its own. */
export function nativeQuantile(q: number, histogram: string, filter: string, labels: Grouping = []): string {
  return `histogram_quantile(${q}, ${rate(histogram, filter, labels)}) >= 0`
}

/** Observations per bucket in each interval: what a heatmap panel draws. */
export function buckets(histogram: string, filter: string): string {
  return `sum by (le) (increase(${histogram}_bucket{${filter}}${window}))`
}

/** Adds a series of zero, labelled `none`, until the counted event has happened once: an empty panel says less. */
export function orNone(expr: string, label: string): string {
  return `${expr} or label_replace(vector(0), "${label}", "none", "", "")`
}

/** Answered requests per second. */
export function requestRate(filter: string, labels: Grouping = []): string {
  return rate(`${metricNames.requestDuration}_count`, filter, labels)
}
