import { setTimeout as sleep } from 'node:timers/promises'
import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import { type ExportResult, ExportResultCode, suppressTracing } from '@opentelemetry/core'
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import { type Ledger, noLedger } from './cpu-ledger.ts'
import type { LateSpan } from './late-tracer.ts'
import { type EncodedSpans, SpanEncoder } from './span-encoder.ts'

/** How long the last export may take. */
const lastExportMs = 2_000

/**
 * How many spans are made and encoded at a time. Where one request in a hundred is traced, the first of them took 53 us,
 * the second 27 and each of the others 4. It delays whoever comes next by the work of all.
 */
const madeAtOnce = 64

/** Where encoded spans go. */
export interface EncodedSpanExporter {
  export(spans: EncodedSpans, done: (result: ExportResult) => void): void
  forceFlush(): Promise<void>
  shutdown(): Promise<void>
}

/** The limits of the specification's batching processor, by the names of its `OTEL_BSP_*` variables. */
export interface PipelineLimits {
  maxQueueSize: number
  maxExportBatchSize: number
  scheduledDelayMillis: number
}

/**
 * From an ended span to the collector: made and encoded a few at a time (why: `late-tracer.ts`, `span-encoder.ts`), a
 * bounded queue that drops rather than grows, drops that are counted, one export at a time, and all that CPU charged to
 * telemetry instead of to whichever request ran.
 */
export class SpanPipeline implements SpanProcessor {
  /** Spans that never reached the collector: queue full, or the export failed. */
  dropped = 0

  readonly #exporter: EncodedSpanExporter
  readonly #limits: PipelineLimits
  /** Ended, and not made yet. */
  readonly #ended: LateSpan[] = []
  readonly #encoder = new SpanEncoder()
  /** Batches that are complete, the oldest first; the one that is not is the encoder's. */
  readonly #complete: EncodedSpans[] = []
  /** In all three. */
  #waiting = 0
  #timer: NodeJS.Timeout | undefined
  #isSending = false
  /** Told when nothing is being sent any more. */
  readonly #whenSent: (() => void)[] = []
  #ledger: Ledger = noLedger

  constructor(exporter: EncodedSpanExporter, limits: PipelineLimits) {
    this.#exporter = exporter
    this.#limits = limits
  }

  /** Encoding and exports are charged to this ledger from now on. */
  chargeTo(ledger: Ledger): void {
    this.#ledger = ledger
  }

  /** Takes a span that has ended. */
  readonly take = (span: LateSpan): void => {
    if (this.#waiting >= this.#limits.maxQueueSize) {
      this.dropped += 1
      return
    }
    this.#waiting += 1
    this.#ended.push(span)
    if (this.#ended.length >= madeAtOnce) this.#asTelemetry(() => this.#makeSpans())
    else this.#timer ??= setTimeout(this.#onTimer, this.#limits.scheduledDelayMillis).unref()
  }

  onStart(): void {}

  /** Takes what the SDK has made of it. */
  onEnd(span: ReadableSpan): void {
    this.#encoder.add(span)
  }

  /** Resolves when all that has ended until now has been sent, or has failed to be. */
  async forceFlush(): Promise<void> {
    this.#asTelemetry(() => this.#sendAll())
    if (this.#isSending) await new Promise<void>(resolve => this.#whenSent.push(resolve))
    await this.#exporter.forceFlush()
  }

  /** What is queued still goes out, unless the collector is away: that must neither hold up an end nor spoil it. */
  async shutdown(): Promise<void> {
    const sent = this.forceFlush()
      .then(() => this.#exporter.shutdown())
      .catch(() => {})
    await Promise.race([sent, sleep(lastExportMs, undefined, { ref: false })])
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined
    this.#asTelemetry(() => this.#sendAll())
  }

  #makeSpans(): void {
    for (const span of this.#ended.splice(0)) {
      span.make()
      if (this.#encoder.count >= this.#limits.maxExportBatchSize) this.#sendEncoded()
    }
  }

  #sendAll(): void {
    this.#makeSpans()
    this.#sendEncoded()
  }

  #sendEncoded(): void {
    const spans = this.#encoder.take()
    if (spans !== null) this.#complete.push(spans)
    if (!this.#isSending) this.#sendNext()
  }

  #sendNext(): void {
    const next = this.#complete.shift()
    this.#isSending = next !== undefined
    if (next === undefined) {
      for (const tell of this.#whenSent.splice(0)) tell()
      return
    }
    this.#waiting -= next.count
    const send = () =>
      // The connection must not keep the context of the request that happened to fill the batch.
      context.with(suppressTracing(ROOT_CONTEXT), () => this.#exporter.export(next, this.#sent(next)))
    const { resource } = next
    if (resource.asyncAttributesPending) void resource.waitForAsyncAttributes?.().then(send, send)
    else send()
  }

  #sent({ count }: EncodedSpans) {
    return ({ code }: ExportResult): void => {
      if (code !== ExportResultCode.SUCCESS) this.dropped += count
      this.#asTelemetry(() => this.#sendNext())
    }
  }

  #asTelemetry(work: () => void): void {
    const ledger = this.#ledger
    const previous = ledger.enter(ledger.bucket.telemetry)
    work()
    ledger.enter(previous)
  }
}
