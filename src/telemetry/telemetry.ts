import { onRequestEnd, type RequestAccount } from '../ledger/index.ts'
import type { AccessLog } from './access-log.ts'
import type { OpenMetricsRegistry } from './bound-series.ts'
import { includes, type TelemetryLevel } from './level.ts'
import { createMetrics, createTotalsRegistry, httpMethod, type Metrics } from './metrics.ts'
import { startRuntimeMetrics } from './runtime-metrics.ts'
import type { Tracing } from './sdk.ts'

export interface TelemetryOptions {
  level: TelemetryLevel
  /** From `register.ts`; null if no span is exported. */
  tracing: Tracing | null
  accessLog: AccessLog | null
}

/** Everything that observes one process, up to its level. The ledger runs separately. */
export class Telemetry {
  readonly level: TelemetryLevel
  readonly metrics: Metrics | null
  readonly registry: OpenMetricsRegistry
  readonly accessLog: AccessLog | null
  /** null if no request is ever sampled. */
  readonly tracing: Tracing | null
  readonly #closers: (() => void)[] = []

  constructor({ level, tracing, accessLog }: TelemetryOptions) {
    this.level = level
    const metrics = includes(level, 'metrics') ? createMetrics() : null
    this.metrics = metrics
    this.registry = metrics?.registry ?? createTotalsRegistry()
    this.tracing = includes(level, 'full') ? tracing : null
    this.accessLog = accessLog
    if (metrics !== null) {
      const droppedSpans = async () => (await tracing?.droppedSpans()) ?? 0
      this.#closers.push(
        startRuntimeMetrics(metrics, droppedSpans),
        onRequestEnd(request => observeCpu(metrics, request)),
      )
    }
  }

  async close(): Promise<void> {
    for (const close of this.#closers) close()
    await this.accessLog?.close()
  }
}

function observeCpu({ requestCpu }: Metrics, { method, route, attributes, cpuS }: RequestAccount): void {
  const { insert_strategy: strategy = '', trace_id: traceId } = attributes
  requestCpu.series(httpMethod(method), route ?? '', strategy).observe(cpuS, traceId)
}
