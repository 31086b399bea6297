import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import type { AccessLog } from './access-log.ts'
import { type CpuAccount, CpuLedger, type Ledger, noLedger } from './cpu-ledger.ts'
import type { EdgeSampler } from './edge-sampler.ts'
import { includes, type TelemetryLevel } from './level.ts'
import { createMetrics, createTotalsRegistry, type Metrics, type OpenMetricsRegistry } from './metrics.ts'
import { RequestScope } from './request-scope.ts'
import { startRuntimeMetrics } from './runtime-metrics.ts'
import type { SpanPipeline } from './span-pipeline.ts'

export interface TelemetryOptions {
  level: TelemetryLevel
  sampler: EdgeSampler
  /** From `register.ts`; null where spans go nowhere, and then none are made. */
  spanPipeline: SpanPipeline | null
  accessLog: AccessLog | null
}

/** All that one process watches itself with, as far as its level goes. */
export class Telemetry {
  readonly level: TelemetryLevel
  readonly ledger: Ledger
  readonly metrics: Metrics | null
  readonly registry: OpenMetricsRegistry
  readonly accessLog: AccessLog | null
  /** null where no request is ever sampled. */
  readonly sampler: EdgeSampler | null
  readonly #stopRuntimeMetrics: () => void

  constructor({ level, sampler, spanPipeline, accessLog }: TelemetryOptions) {
    this.level = level
    this.ledger = includes(level, 'ledger') ? new CpuLedger() : noLedger
    this.metrics = includes(level, 'metrics') ? createMetrics(this.ledger) : null
    this.registry = this.metrics?.registry ?? createTotalsRegistry(this.ledger)
    this.sampler = includes(level, 'full') && spanPipeline !== null ? sampler : null
    this.accessLog = accessLog
    spanPipeline?.chargeTo(this.ledger)
    this.#stopRuntimeMetrics = this.metrics
      ? startRuntimeMetrics(this.metrics, () => spanPipeline?.dropped ?? 0)
      : () => {}
  }

  /** The request that the thread runs for now; null in a gap, in a bucket, or where none are kept. */
  get scope(): RequestScope | null {
    const { current } = this.ledger
    return current instanceof RequestScope ? current : null
  }

  /**
   * Continues, after a wait, whoever the thread ran for before it: `account` is what `ledger.current` was
   * then. Returns to whoever runs now, unless that is the same account: then the callback itself leaves
   * it running or, if it waits again, not.
   *
   * The trace context is set even where there is none to set: a pool calls the next waiter from inside the
   * `release` of another request, whose span must not become the waiter's parent.
   */
  resume(account: CpuAccount | undefined, callback: () => void): void {
    if (account === undefined) {
      callback()
      return
    }
    const { ledger } = this
    const previous = ledger.enter(account, account)
    const wanted = account instanceof RequestScope ? account.context : ROOT_CONTEXT
    if (context.active() === wanted) callback()
    else context.with(wanted, callback)
    if (previous !== account) ledger.enter(previous)
  }

  close(): void {
    this.#stopRuntimeMetrics()
    this.accessLog?.close()
  }
}
