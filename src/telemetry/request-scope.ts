import { performance } from 'node:perf_hooks'
import { type Context, ROOT_CONTEXT, type Span } from '@opentelemetry/api'
import { CpuAccount, type Ledger } from './cpu-ledger.ts'

/**
 * One request, as telemetry knows it: the account its CPU is charged to and the trace context its queries
 * belong in. `Telemetry.resume` makes both right again when the request goes on after a wait.
 */
export class RequestScope extends CpuAccount {
  readonly arrivedMs = performance.now()
  /** The server span of a sampled request. */
  readonly span: Span | undefined
  readonly context: Context
  /** Set by the insert path; a label of the CPU histogram. */
  insertStrategy = ''

  readonly #ledger: Ledger
  readonly #whenSettled: (scope: RequestScope) => void

  constructor(options: {
    ledger: Ledger
    /** Gets the scope when its CPU figure is final. */
    whenSettled: (scope: RequestScope) => void
    span?: Span | undefined
    context?: Context | undefined
  }) {
    super()
    this.#ledger = options.ledger
    this.#whenSettled = options.whenSettled
    this.span = options.span
    this.context = options.context ?? ROOT_CONTEXT
  }

  /** CPU so far, seconds. Provisional: the running tick is not yet held against the CPU clock. */
  cpuS(): number {
    return this.#ledger.readMs(this) / 1000
  }

  /** Names the trace that a bucket's exemplar leads to; only sampled requests have one to look at. */
  get traceId(): string | undefined {
    return this.span?.spanContext().traceId
  }

  override settled(): void {
    this.#whenSettled(this)
  }
}
