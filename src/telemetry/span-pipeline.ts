import { setTimeout as sleep } from 'node:timers/promises'
import { type Context, context } from '@opentelemetry/api'
import { type ExportResult, ExportResultCode, suppressTracing } from '@opentelemetry/core'
import type {
  BufferConfig,
  ReadableSpan,
  Span,
  SpanExporter,
  SpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { type Ledger, noLedger } from './cpu-ledger.ts'

/** How long the last export may take. */
const lastExportMs = 2_000

/**
 * From an ended span to the collector: a bounded queue that drops rather than grows, drops that are
 * counted, and the CPU of exporting charged to telemetry instead of to whichever request ran last.
 */
export class SpanPipeline implements SpanProcessor, SpanExporter {
  /** Spans that never reached the collector: queue full, or the export failed. */
  dropped = 0

  readonly #exporter: SpanExporter
  readonly #processor: SpanProcessor
  readonly #queueLimit: number
  #queued = 0
  #ledger: Ledger = noLedger

  constructor(exporter: SpanExporter, buffer: BufferConfig & { maxQueueSize: number }) {
    this.#exporter = exporter
    this.#queueLimit = buffer.maxQueueSize
    this.#processor = new BatchSpanProcessor(this, buffer)
  }

  /** Exports are charged to this ledger from now on. */
  chargeTo(ledger: Ledger): void {
    this.#ledger = ledger
  }

  onStart(span: Span, parent: Context): void {
    this.#processor.onStart(span, parent)
  }

  onEnd(span: ReadableSpan): void {
    // The batch processor drops silently; its rule is mirrored here to count.
    if (this.#queued >= this.#queueLimit) this.dropped += 1
    else this.#queued += 1
    this.#processor.onEnd(span)
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#queued -= spans.length
    const ledger = this.#ledger
    const previous = ledger.enter(ledger.bucket.telemetry)
    context.with(suppressTracing(context.active()), () =>
      this.#exporter.export(spans, result => {
        if (result.code !== ExportResultCode.SUCCESS) this.dropped += spans.length
        done(result)
      }),
    )
    ledger.enter(previous)
  }

  forceFlush(): Promise<void> {
    return this.#processor.forceFlush()
  }

  /** What is queued still goes out, unless the collector is away: that must neither hold up an end nor spoil it. */
  async shutdown(): Promise<void> {
    // The processor shuts its exporter down, which is this object again.
    this.shutdown = () => this.#exporter.shutdown()
    const sent = this.#processor.shutdown().catch(() => {})
    await Promise.race([sent, sleep(lastExportMs, undefined, { ref: false })])
  }
}
