import type { OpenMetricsContentType, Registry } from 'prom-client'
import { LabelTree } from './label-tree.ts'

/** A counter whose label sets are resolved once; the reason is in `series-histogram.ts`. */
export class SeriesCounter<Label extends string> {
  readonly name: string
  readonly help: string
  readonly type = 'counter'
  readonly aggregator = 'sum'
  readonly #series: LabelTree<CounterSeries>

  constructor(options: {
    name: string
    help: string
    labelNames: readonly Label[]
    registry: Registry<OpenMetricsContentType>
  }) {
    // prom-client adds the `_total` again when it prints.
    this.name = options.name.replace(/_total$/, '')
    this.help = options.help
    this.#series = new LabelTree(options.labelNames, labels => ({
      labels,
      value: 0,
      inc(by) {
        this.value += by
      },
    }))
    // The registry asks a metric for its name, its type and `get()`, no more.
    options.registry.registerMetric(this as unknown as Parameters<typeof options.registry.registerMetric>[0])
  }

  /** The series of these label values (in the order of `labelNames`); made at the first call. */
  series(...values: readonly string[]): CounterSeries {
    return this.#series.get(values)
  }

  /** What prom-client's registry prints. */
  async get() {
    const { name, help, type, aggregator } = this
    return { name, help, type, aggregator, values: [...this.#series.all] }
  }
}

/** One label set; `value` only ever grows. */
export interface CounterSeries {
  readonly labels: Readonly<Record<string, string>>
  value: number
  inc(by: number): void
}
