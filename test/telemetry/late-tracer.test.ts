import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { beforeEach, describe, expect, it } from 'vitest'
import { LateIds, type LateSpan, LateTracerProvider } from '../../src/telemetry/late-tracer.ts'

const caller = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1, isRemote: true }
const link = { context: { ...caller, spanId: 'c'.repeat(16) }, attributes: { why: 'batch' } }
const below = trace.setSpanContext(ROOT_CONTEXT, caller)
const at = new Date('2026-01-01T00:00:00Z')

/** The tracer of the SDK, one whose spans are made late, and where the spans of both come out. */
function open(isLate: boolean) {
  const exporter = new InMemorySpanExporter()
  const ids = new LateIds()
  const sdk = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(exporter)],
    ...(isLate && { idGenerator: ids }),
  })
  const ended: LateSpan[] = []
  const provider = isLate ? new LateTracerProvider({ sdk, ids, take: span => ended.push(span) }) : sdk
  return {
    tracer: provider.getTracer('a test', '1.0'),
    ended,
    made(): readonly ReadableSpan[] {
      for (const span of ended.splice(0)) span.make()
      return exporter.getFinishedSpans()
    },
  }
}

/** All that can be said of a span. */
function sayAll(tracer: Tracer): void {
  const span = tracer.startSpan(
    'first',
    { kind: SpanKind.CLIENT, attributes: { rows: 3, none: undefined }, links: [link] },
    below,
  )
  span.setAttribute('table', 'tasks').setAttributes({ rows: 4, more: ['a', 'b'] })
  span.addEvent('sent', { bytes: 12 }, at).addEvent('seen', at)
  span.addLink(link).addLinks([link, link])
  span.recordException(new RangeError('too far'), at)
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'failed' }).updateName('second')
  span.end()
  span.setAttribute('after', 'the end')
  span.end()
  tracer.startSpan('a root', { root: true, startTime: at }, below).end(at.getTime() + 1500)
}

function seenOf({ name, kind, attributes, events, links, status, instrumentationScope }: ReadableSpan) {
  const said = events.map(event => ({
    ...event,
    attributes: { ...event.attributes, 'exception.stacktrace': '' },
  }))
  return { name, kind, attributes, events: said, links, status, scope: instrumentationScope.name }
}

describe('a span that is made late', () => {
  let late: ReturnType<typeof open>
  beforeEach(() => {
    late = open(true)
  })

  it('is the one that the SDK would have made at once', () => {
    const direct = open(false)
    sayAll(direct.tracer)
    sayAll(late.tracer)
    expect(late.made().map(seenOf)).toEqual(direct.made().map(seenOf))
    const [first, root] = late.made()
    expect(first?.parentSpanContext).toEqual(caller)
    expect(root?.parentSpanContext).toBeUndefined()
    expect(root?.duration).toEqual([1, 500_000_000])
  })

  it('has its ids from the start, and comes out only when it is made', () => {
    const span = late.tracer.startSpan('one', {}, below)
    const child = late.tracer.startSpan('two', {}, trace.setSpan(ROOT_CONTEXT, span))
    child.end()
    span.end()
    expect(late.ended).toHaveLength(2)
    const [made, parent] = late.made()
    expect(made?.spanContext()).toEqual(child.spanContext())
    expect(made?.parentSpanContext?.spanId).toBe(span.spanContext().spanId)
    expect(parent?.spanContext()).toEqual(span.spanContext())
    expect(new Set([caller.traceId, ...late.made().map(one => one.spanContext().traceId)]).size).toBe(1)
  })

  it('lasts until its end, however late it is made', async () => {
    const span = late.tracer.startSpan('short', {}, ROOT_CONTEXT)
    span.addEvent('now')
    span.end()
    const endedMs = Date.now()
    await expect.poll(() => Date.now()).toBeGreaterThan(endedMs + 20)
    const [made] = late.made()
    const msOf = ([s, ns]: readonly [number, number]) => s * 1000 + ns / 1e6
    expect(msOf(made?.endTime ?? [0, 0])).toBeLessThan(endedMs + 1)
    expect(msOf(made?.events[0]?.time ?? [0, 0])).toBeLessThan(endedMs + 1)
  })

  it('reads what is behind a getter of its options when it is made', () => {
    let reads = 0
    class Options {
      get attributes() {
        reads += 1
        return { reads }
      }
    }
    late.tracer.startSpan('lazy', new Options(), ROOT_CONTEXT).end()
    expect(reads).toBe(0)
    expect(late.made()[0]?.attributes).toEqual({ reads: 1 })
  })

  it('is none where tracing is suppressed', () => {
    late.tracer.startSpan('one', {}, suppressTracing(ROOT_CONTEXT)).end()
    expect(late.made()).toEqual([])
  })

  it('may be started for a callback, which gives what it returns', () => {
    const given = late.tracer.startActiveSpan('around', span => {
      span.end()
      return span.spanContext()
    })
    expect(late.made()[0]?.spanContext()).toEqual(given)
    expect(context.active()).toBe(ROOT_CONTEXT)
  })
})
