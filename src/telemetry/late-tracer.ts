import { performance } from 'node:perf_hooks'
import {
  type Attributes,
  type AttributeValue,
  type Context,
  context,
  type Exception,
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  type Link,
  type Span,
  type SpanContext,
  type SpanOptions,
  type SpanStatus,
  type TimeInput,
  TraceFlags,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import { addHrTimes, isTimeInput, isTracingSuppressed, millisToHrTime } from '@opentelemetry/core'
import { type IdGenerator, RandomIdGenerator } from '@opentelemetry/sdk-trace-base'

/**
 * Spans that are made late: while one runs, it is its ids, its beginning and a list of what has been said of it. The
 * SDK makes its span of that after the end, of several at a time (`span-pipeline.ts`).
 *
 * Where one request in a hundred is traced, the code of spans has left the processor's caches each time it is needed
 * again: on a core of its own the SDK took 33 us to start a span, 16 to end and 12 to encode it, and where every request
 * was traced 1.7, 3 and 1.5. So what can wait waits until its code is needed for more than one.
 *
 * The price is that attributes which are handed over must not be changed afterwards, because the SDK copies them late.
 * What costs something to put together can be behind a getter of the options: it is read when the span is made.
 */

const random = new RandomIdGenerator()

/** Hands the SDK the ids that a late span has had all the while. Every span of the SDK is made of a late one. */
export class LateIds implements IdGenerator {
  /** Of the span that is made next. */
  given: SpanContext = INVALID_SPAN_CONTEXT

  readonly generateTraceId = (): string => this.given.traceId
  readonly generateSpanId = (): string => this.given.spanId
}

/** What late spans are made with. */
interface Making<Sdk> {
  readonly sdk: Sdk
  readonly ids: LateIds
  /** Gets it when it has ended; whoever it is calls {@link LateSpan.make}. */
  readonly take: (span: LateSpan) => void
}

/** Gives tracers whose spans are those of `sdk`, made late. */
export class LateTracerProvider implements TracerProvider {
  readonly #making: Making<TracerProvider>

  constructor(making: Making<TracerProvider>) {
    this.#making = making
  }

  getTracer(...scope: Parameters<TracerProvider['getTracer']>): Tracer {
    return new LateTracer({ ...this.#making, sdk: this.#making.sdk.getTracer(...scope) })
  }
}

class LateTracer implements Tracer {
  readonly #making: Making<Tracer>

  constructor(making: Making<Tracer>) {
    this.#making = making
  }

  startSpan(name: string, options: SpanOptions = {}, parent: Context = context.active()): Span {
    if (isTracingSuppressed(parent)) return trace.wrapSpanContext(INVALID_SPAN_CONTEXT)
    return new LateSpan(this.#making, name, options, parent)
  }

  startActiveSpan<F extends (span: Span) => unknown>(
    name: string,
    ...rest: [F] | [SpanOptions, F] | [SpanOptions, Context, F]
  ): ReturnType<F> {
    const run = rest.at(-1) as F
    const [options, parent = context.active()] = rest.slice(0, -1) as [SpanOptions?, Context?]
    const span = this.startSpan(name, options, parent)
    return context.with(trace.setSpan(parent, span), () => run(span)) as ReturnType<F>
  }
}

/** One span: until it is made, a note of what is to be made. */
export class LateSpan implements Span {
  readonly #making: Making<Tracer>
  readonly #name: string
  readonly #options: SpanOptions
  readonly #parent: Context
  readonly #spanContext: SpanContext
  readonly #startedEpochMs = Date.now()
  readonly #startedMs = performance.now()
  readonly #said: ((span: Span) => void)[] = []
  #endTime: TimeInput | undefined

  constructor(making: Making<Tracer>, name: string, options: SpanOptions, parent: Context) {
    this.#making = making
    this.#name = name
    this.#options = options
    this.#parent = parent
    this.#spanContext = newContext(options.root ? undefined : trace.getSpanContext(parent))
  }

  spanContext(): SpanContext {
    return this.#spanContext
  }

  setAttribute(key: string, value: AttributeValue): this {
    return this.#say(span => span.setAttribute(key, value))
  }

  setAttributes(attributes: Attributes): this {
    return this.#say(span => span.setAttributes(attributes))
  }

  addEvent(name: string, attributesOrTime?: Attributes | TimeInput, time?: TimeInput): this {
    const now = this.#now()
    return this.#say(span =>
      isTimeInput(attributesOrTime)
        ? span.addEvent(name, attributesOrTime)
        : span.addEvent(name, attributesOrTime, time ?? now),
    )
  }

  addLink(link: Link): this {
    return this.#say(span => span.addLink(link))
  }

  addLinks(links: Link[]): this {
    return this.#say(span => span.addLinks(links))
  }

  setStatus(status: SpanStatus): this {
    return this.#say(span => span.setStatus(status))
  }

  updateName(name: string): this {
    return this.#say(span => span.updateName(name))
  }

  recordException(exception: Exception, time: TimeInput = this.#now()): void {
    this.#say(span => span.recordException(exception, time))
  }

  isRecording(): boolean {
    return this.#endTime === undefined
  }

  end(endTime: TimeInput = this.#now()): void {
    if (this.#endTime !== undefined) return
    this.#endTime = endTime
    this.#making.take(this)
  }

  /** Makes the SDK's span and ends it. Call it once, after the end. */
  make(): void {
    const { sdk, ids } = this.#making
    // One by one, because a getter of a class may stand behind them, which a spread would not see.
    const { kind, root, attributes, links, startTime = this.#startedEpochMs } = this.#options
    const options = { kind, root, attributes, links, startTime } as SpanOptions
    ids.given = this.#spanContext
    const span = sdk.startSpan(this.#name, options, this.#parent)
    for (const say of this.#said) say(span)
    span.end(this.#endTime)
  }

  /** As the SDK tells the time: the wall clock at the start and, exact to the nanosecond, what has passed since. */
  #now(): TimeInput {
    return addHrTimes(
      millisToHrTime(this.#startedEpochMs),
      millisToHrTime(performance.now() - this.#startedMs),
    )
  }

  #say(what: (span: Span) => void): this {
    if (this.isRecording()) this.#said.push(what)
    return this
  }
}

function newContext(parent: SpanContext | undefined): SpanContext {
  const spanId = random.generateSpanId()
  if (parent === undefined || !isSpanContextValid(parent)) {
    return { traceId: random.generateTraceId(), spanId, traceFlags: TraceFlags.SAMPLED }
  }
  const { traceId, traceState } = parent
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED, ...(traceState && { traceState }) }
}
