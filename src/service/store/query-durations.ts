import type { Metrics } from '../../telemetry/metrics.ts'
import type { Series } from '../../telemetry/old-store-shims.ts'

/** The histogram of how long statements take, by their operation (the first word) and how they ended. */
export class QueryDurations {
  readonly #histogram: Metrics['queryDuration']
  /** By the statements of the service, which are few; an error's series is looked for each time. */
  readonly #succeeded = new Map<string, Series>()

  constructor({ queryDuration }: Metrics) {
    this.#histogram = queryDuration
  }

  /** @param errorCode null where it succeeded. */
  observe(text: string, errorCode: string | null, durationMs: number): void {
    const series =
      errorCode === null ? this.#ofSuccess(text) : this.#histogram.series(operationOf(text), errorCode)
    series.observe(durationMs / 1000)
  }

  #ofSuccess(text: string): Series {
    let series = this.#succeeded.get(text)
    if (series === undefined) {
      series = this.#histogram.series(operationOf(text), '')
      this.#succeeded.set(text, series)
    }
    return series
  }
}

function operationOf(text: string): string {
  return text.split(' ', 1)[0] ?? text
}
