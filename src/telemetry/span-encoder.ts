import type { Attributes, AttributeValue, Link, SpanContext } from '@opentelemetry/api'
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace-base'
import { ProtobufWriter } from './protobuf-writer.ts'

type Scope = ReadableSpan['instrumentationScope']
type Resource = ReadableSpan['resource']
type HrTime = ReadableSpan['startTime']

/** What one export sends. */
export interface EncodedSpans {
  readonly resource: Resource
  /** `ScopeSpans` messages, as fields of a `ResourceSpans`. */
  readonly scopeSpans: Uint8Array
  readonly count: number
}

/**
 * Spans as the protocol of OpenTelemetry sends them, encoded one by one as the SDK has made them.
 *
 * The library's serializer gives the same bytes (a test holds the two against each other), but at the time of the
 * export, so that all spans of a second live until then and the collector of garbage copies each of them twice; and it
 * writes every character of every attribute, whose keys never and whose values seldom change. Both together were
 * 120,000 of 380,000 instructions of a prepared insert with all requests traced (callgrind). The price is this file.
 *
 * https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
 */
export class SpanEncoder {
  /** How many spans `take` would give. */
  count = 0
  readonly #scopes = new Map<Scope, ProtobufWriter>()
  readonly #attributes = new AttributeEncoder(9)
  readonly #eventAttributes = new AttributeEncoder(3)
  readonly #linkAttributes = new AttributeEncoder(4)
  readonly #names = new KeptEncodings<string>((out, name) => out.string(5, name))
  #resource: Resource | undefined

  add(span: ReadableSpan): void {
    let spans = this.#scopes.get(span.instrumentationScope)
    if (spans === undefined) {
      spans = new ProtobufWriter()
      this.#scopes.set(span.instrumentationScope, spans)
    }
    this.#writeSpan(spans, span)
    // A process has one.
    this.#resource = span.resource
    this.count += 1
  }

  /** All spans since the last time; null where there are none. */
  take(): EncodedSpans | null {
    const { count } = this
    if (this.#resource === undefined || count === 0) return null
    const out = new ProtobufWriter()
    for (const [scope, spans] of this.#scopes) {
      if (spans.length === 0) continue
      const start = out.begin(2)
      writeScope(out, scope)
      out.raw(spans.take())
      if (scope.schemaUrl) out.string(3, scope.schemaUrl)
      out.end(start)
    }
    this.count = 0
    return { resource: this.#resource, scopeSpans: out.take(), count }
  }

  #writeSpan(out: ProtobufWriter, span: ReadableSpan): void {
    const { parentSpanContext } = span
    const own = span.spanContext()
    const start = out.begin(2)
    writeIds(out, own)
    if (parentSpanContext?.spanId) out.hex(4, parentSpanContext.spanId)
    out.raw(this.#names.get(span.name))
    // The protocol's kinds begin with one for "unspecified".
    out.uint32(6, span.kind + 1)
    writeTime(out, 7, span.startTime)
    writeTime(out, 8, span.endTime)
    this.#attributes.write(out, span.attributes)
    out.uint32(10, span.droppedAttributesCount)
    for (const event of span.events) this.#writeEvent(out, event)
    out.uint32(12, span.droppedEventsCount)
    for (const link of span.links) this.#writeLink(out, link)
    out.uint32(14, span.droppedLinksCount)
    const status = out.begin(15)
    if (span.status.message) out.string(2, span.status.message)
    out.uint32(3, span.status.code)
    out.end(status)
    out.fixed32(16, flagsOf(own.traceFlags, parentSpanContext?.isRemote))
    out.end(start)
  }

  #writeEvent(out: ProtobufWriter, event: TimedEvent): void {
    const start = out.begin(11)
    writeTime(out, 1, event.time)
    out.string(2, event.name)
    this.#eventAttributes.write(out, event.attributes)
    out.uint32(4, event.droppedAttributesCount ?? 0)
    out.end(start)
  }

  #writeLink(out: ProtobufWriter, { context, attributes, droppedAttributesCount }: Link): void {
    const start = out.begin(13)
    writeIds(out, context)
    this.#linkAttributes.write(out, attributes)
    out.uint32(5, droppedAttributesCount ?? 0)
    out.fixed32(6, flagsOf(context.traceFlags, context.isRemote))
    out.end(start)
  }
}

/** An `ExportTraceServiceRequest`. Attributes of the resource that are still being found out are not in it. */
export function exportRequestOf({ resource, scopeSpans }: EncodedSpans): Uint8Array {
  const out = new ProtobufWriter()
  const start = out.begin(1)
  const resourceStart = out.begin(1)
  new AttributeEncoder(1).write(out, resource.attributes)
  out.uint32(2, 0)
  out.end(resourceStart)
  out.raw(scopeSpans)
  if (resource.schemaUrl) out.string(3, resource.schemaUrl)
  out.end(start)
  return out.take()
}

function writeScope(out: ProtobufWriter, { name, version }: Scope): void {
  const start = out.begin(1)
  out.string(1, name)
  if (version) out.string(2, version)
  out.end(start)
}

function writeIds(out: ProtobufWriter, { traceId, spanId, traceState }: SpanContext): void {
  out.hex(1, traceId)
  out.hex(2, spanId)
  const state = traceState?.serialize()
  if (state) out.string(3, state)
}

/** The W3C flags, and whether the context is known to have come from another process. */
function flagsOf(traceFlags: number, isRemote: boolean | undefined): number {
  return (traceFlags & 0xff) | (isRemote ? 0x300 : 0x100)
}

/**
 * Nanoseconds since 1970 in 64 bits, which a number cannot hold exactly: so the seconds are taken in two parts, of 16
 * bits and the rest, whose nanoseconds it holds each.
 */
function writeTime(out: ProtobufWriter, field: number, [seconds, nanoseconds]: HrTime): void {
  const lower = (seconds % 0x1_0000) * 1e9 + nanoseconds
  const upper = Math.floor(seconds / 0x1_0000) * 1e9
  const low = lower + (upper % 0x1_0000) * 0x1_0000
  out.fixed64(field, low >>> 0, Math.floor(low / 0x1_0000_0000) + Math.floor(upper / 0x1_0000))
}

/** Attributes as one field of a message, those met before as the bytes they were then. */
class AttributeEncoder {
  readonly #field: number
  readonly #byKey = new Map<string, KeptEncodings<AttributeValue | undefined>>()

  constructor(field: number) {
    this.#field = field
  }

  write(out: ProtobufWriter, attributes: Attributes | undefined): void {
    for (const key in attributes) out.raw(this.#ofKey(key).get(attributes[key]))
  }

  #ofKey(key: string): KeptEncodings<AttributeValue | undefined> {
    let encodings = this.#byKey.get(key)
    if (encodings === undefined) {
      encodings = new KeptEncodings((out, value) => writeKeyValue(out, this.#field, key, value))
      this.#byKey.set(key, encodings)
    }
    return encodings
  }
}

/** Enough for the values of a closed set, few enough for those of any other. */
const encodingsKept = 64
const longestKeptBytes = 1024

const scratch = new ProtobufWriter()

/** Gives what a value is encoded as, from memory where it may come again. */
class KeptEncodings<Value extends AttributeValue | undefined> {
  readonly #kept = new Map<Value, Uint8Array>()
  readonly #write: (out: ProtobufWriter, value: Value) => void

  constructor(write: (out: ProtobufWriter, value: Value) => void) {
    this.#write = write
  }

  get(value: Value): Uint8Array {
    const known = this.#kept.get(value)
    if (known !== undefined) return known
    this.#write(scratch, value)
    const encoded = scratch.take()
    // An array is its own key and will not come again; of fractions every one is another.
    const recurs = typeof value === 'number' ? Number.isInteger(value) : typeof value !== 'object'
    if (recurs && this.#kept.size < encodingsKept && encoded.length <= longestKeptBytes) {
      this.#kept.set(value, encoded)
    }
    return encoded
  }
}

function writeKeyValue(
  out: ProtobufWriter,
  field: number,
  key: string,
  value: AttributeValue | undefined,
): void {
  const start = out.begin(field)
  out.string(1, key)
  const valueStart = out.begin(2)
  writeValue(out, value)
  out.end(valueStart)
  out.end(start)
}

function writeValue(out: ProtobufWriter, value: AttributeValue | null | undefined): void {
  if (typeof value === 'string') {
    out.string(1, value)
  } else if (typeof value === 'boolean') {
    out.uint32(2, value ? 1 : 0)
  } else if (typeof value === 'number') {
    if (Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63) out.int64(3, value)
    else out.double(4, value)
  } else if (Array.isArray(value)) {
    const start = out.begin(5)
    for (const item of value) {
      const itemStart = out.begin(1)
      writeValue(out, item)
      out.end(itemStart)
    }
    out.end(start)
  }
}
