import { Counter, type OpenMetricsContentType, type Registry } from 'prom-client'

/**
 * Metrics whose series are looked up once and then observed directly. prom-client's own `observe` validates and hashes
 * the labels at each call: 0.9 us, three times per request. prom-client still writes the page.
 */

/** OpenMetrics, because only there can a bucket carry an exemplar. */
export type OpenMetricsRegistry = Registry<OpenMetricsContentType>
type Labels = Readonly<Record<string, string>>

interface Options {
  name: string
  help: string
  labelNames: readonly string[]
  /** The same on each series. */
  constantLabels?: Labels
  registry: OpenMetricsRegistry
}

/** The series of a metric, by label values. */
class SeriesTable<Series> {
  readonly #series = new Map<string, Series>()
  readonly #options: Options
  readonly #create: (labels: Labels) => Series

  constructor(options: Options, create: (labels: Labels) => Series) {
    this.#options = options
    this.#create = create
  }

  get(values: readonly string[]): Series {
    const key = values.join('\n')
    let series = this.#series.get(key)
    if (series === undefined) {
      const { labelNames, constantLabels } = this.#options
      const labels = labelNames.map((name, i) => [name, values[i] ?? ''])
      series = this.#create({ ...Object.fromEntries(labels), ...constantLabels })
      this.#series.set(key, series)
    }
    return series
  }

  get all(): readonly Series[] {
    return [...this.#series.values()]
  }
}

export class BoundCounter {
  readonly #table: SeriesTable<CounterSeries>

  constructor(options: Options) {
    const { name, help, labelNames, constantLabels = {}, registry } = options
    const table = new SeriesTable(options, labels => new CounterSeries(labels))
    this.#table = table
    new Counter({
      name: counterName(name),
      help,
      labelNames: [...labelNames, ...Object.keys(constantLabels)],
      registers: [registry],
      collect() {
        for (const series of table.all) this.inc(series.labels, series.takeNew())
      },
    })
  }

  /** The series of these label values, in the order of `labelNames`. */
  series(...values: readonly string[]): CounterSeries {
    return this.#table.get(values)
  }
}

export class CounterSeries {
  readonly labels: Labels
  #new = 0

  constructor(labels: Labels) {
    this.labels = labels
  }

  inc(count = 1): void {
    this.#new += count
  }

  /** The growth since the last call. */
  takeNew(): number {
    const count = this.#new
    this.#new = 0
    return count
  }
}

/** A histogram with the properties that prom-client's registry needs to write the page. */
export class BoundHistogram {
  readonly name: string
  readonly help: string
  readonly type = 'histogram'
  readonly aggregator = 'sum'
  readonly #table: SeriesTable<HistogramSeries>

  constructor(options: Options & { buckets: readonly number[] }) {
    this.name = options.name
    this.help = options.help
    this.#table = new SeriesTable(options, labels => new HistogramSeries(labels, options.buckets))
    options.registry.registerMetric(this as unknown as Parameters<OpenMetricsRegistry['registerMetric']>[0])
  }

  /** The series of these label values, in the order of `labelNames`. */
  series(...values: readonly string[]): HistogramSeries {
    return this.#table.get(values)
  }

  async get() {
    const { name, help, type, aggregator } = this
    return { name, help, type, aggregator, values: this.#table.all.flatMap(series => series.samples(name)) }
  }
}

export class HistogramSeries {
  readonly #labels: Labels
  readonly #bounds: readonly number[]
  readonly #counts: Float64Array
  readonly #exemplars: (Exemplar | undefined)[]
  #sum = 0
  #count = 0

  constructor(labels: Labels, bounds: readonly number[]) {
    this.#labels = labels
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
    this.#exemplars = new Array(bounds.length + 1)
  }

  /** @param traceId of a sampled request: it becomes the bucket's exemplar. */
  observe(value: number, traceId?: string): void {
    const found = this.#bounds.findIndex(bound => value <= bound)
    const index = found < 0 ? this.#bounds.length : found
    this.#counts[index] = (this.#counts[index] as number) + 1
    this.#sum += value
    this.#count += 1
    if (traceId !== undefined) {
      this.#exemplars[index] = { labelSet: { trace_id: traceId }, value, timestamp: Date.now() / 1000 }
    }
  }

  samples(name: string): Sample[] {
    let cumulative = 0
    const buckets = Array.from(this.#counts, (count, i) => {
      cumulative += count
      const le = String(this.#bounds[i] ?? '+Inf')
      const exemplar = this.#exemplars[i]
      const labels = { ...this.#labels, le }
      return { metricName: `${name}_bucket`, labels, value: cumulative, ...(exemplar && { exemplar }) }
    })
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: this.#labels, value: this.#sum },
      { metricName: `${name}_count`, labels: this.#labels, value: this.#count },
    ]
  }
}

interface Exemplar {
  labelSet: { trace_id: string }
  value: number
  /** Seconds since 1970. */
  timestamp: number
}

interface Sample {
  metricName: string
  labels: Labels
  value: number
  exemplar?: Exemplar
}

/** prom-client adds the `_total` itself when it prints OpenMetrics. */
export function counterName(name: string): string {
  return name.replace(/_total$/, '')
}
