import type { OpenMetricsContentType, Registry } from 'prom-client'

/** A counter whose label sets are resolved once; the reason is in `series-histogram.ts`. */
export class SeriesCounter<Label extends string> {
  readonly name: string
  readonly help: string
  readonly type = 'counter'
  readonly aggregator = 'sum'
  readonly #labelNames: readonly Label[]
  readonly #series = new Map<string, CounterSeries>()

  constructor(options: {
    name: string
    help: string
    labelNames: readonly Label[]
    registry: Registry<OpenMetricsContentType>
  }) {
    // prom-client adds the `_total` again when it prints.
    this.name = options.name.replace(/_total$/, '')
    this.help = options.help
    this.#labelNames = options.labelNames
    // The registry asks a metric for its name, its type and `get()`, no more.
    options.registry.registerMetric(this as unknown as Parameters<typeof options.registry.registerMetric>[0])
  }

  /** The series of these label values (in the order of `labelNames`); made at the first call. */
  series(...values: readonly string[]): CounterSeries {
    const key = values.join('\u0000')
    let series = this.#series.get(key)
    if (series === undefined) {
      series = {
        labels: Object.fromEntries(this.#labelNames.map((name, i) => [name, values[i] ?? ''])),
        value: 0,
      }
      this.#series.set(key, series)
    }
    return series
  }

  /** What prom-client's registry prints. */
  async get() {
    const { name, help, type, aggregator } = this
    return { name, help, type, aggregator, values: [...this.#series.values()] }
  }
}

/** One label set; `value` only ever grows. */
export interface CounterSeries {
  readonly labels: Readonly<Record<string, string>>
  value: number
}
