import { createTraceState, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { expect, it } from 'vitest'
import { exportRequestOf, SpanEncoder } from '../../src/telemetry/span-encoder.ts'

const ended = new InMemorySpanExporter()
const provider = new BasicTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(ended)],
  spanLimits: { attributeCountLimit: 20, eventCountLimit: 2, linkCountLimit: 2 },
})
const [ours, other] = [provider.getTracer('ours'), provider.getTracer('other', '1.2.3')]

it('gives the bytes of the library’s own serializer', () => {
  const server = ours.startSpan('GET /test-insert', {
    kind: SpanKind.SERVER,
    attributes: {
      method: 'GET',
      empty: '',
      'beyond ASCII': 'naïve — 日本 🦙',
      'length of two bytes': 'x'.repeat(200),
      'length of three bytes': 'é'.repeat(20_000),
      'not kept: too long': 'y'.repeat(1_020),
      true: true,
      false: false,
      zero: 0,
      'minus zero': -0,
      small: 127,
      'two bytes': 128,
      '32 bits': 0xffff_ffff,
      '33 bits': 0x1_0000_0000,
      negative: -1,
      'beyond what is safe': 2 ** 60,
      'beyond 64 bits': 2 ** 63,
      fraction: 0.000_123,
      'not a number': Number.NaN,
      'one too many': 'dropped',
    },
  })
  server.setAttribute('dropped', 'too')
  const query = other.startSpan(
    'query',
    {
      kind: SpanKind.CLIENT,
      attributes: { list: ['a', 'b'], numbers: [1, 2.5], holes: ['a', null], none: [] },
      links: [1, 2, 3].map(index => ({
        context: {
          traceId: String(index).repeat(32),
          spanId: 'abcdef0123456789',
          traceFlags: index % 2,
          isRemote: index === 2,
          traceState: createTraceState('vendor=value'),
        },
        attributes: { index },
      })),
    },
    trace.setSpan(ROOT_CONTEXT, server),
  )
  query.addEvent('first', { index: 1 }).addEvent('second').addEvent('third')
  query.recordException(new RangeError('too far'))
  query.setStatus({ code: SpanStatusCode.ERROR, message: 'refused' })
  query.end()
  server.setStatus({ code: SpanStatusCode.OK })
  server.end()
  const remote = {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: 1,
    isRemote: true,
    traceState: createTraceState('a=1,b=2'),
  }
  ours.startSpan('', {}, trace.setSpanContext(ROOT_CONTEXT, remote)).end()

  const encoder = new SpanEncoder()
  // Twice, because what has been met before takes another way.
  for (let time = 0; time < 2; time += 1) {
    expectTheirBytes(encoder, 3)
    expect(encoder.take()).toBeNull()
  }
})

it('keeps only so many values of a key, and encodes the rest all the same', () => {
  const encoder = new SpanEncoder()
  ended.reset()
  for (let id = 0; id < 500; id += 1)
    ours.startSpan('task', { attributes: { path: `/v1/tasks/${id}` } }).end()
  expectTheirBytes(encoder, 500)
})

/** All spans that have ended, by both. */
function expectTheirBytes(encoder: SpanEncoder, count: number): void {
  const spans = ended.getFinishedSpans()
  for (const span of spans) encoder.add(span)
  const encoded = encoder.take()
  expect(encoded?.count).toBe(count)
  expect(encoded && Buffer.from(exportRequestOf(encoded))).toEqual(
    Buffer.from(ProtobufTraceSerializer.serializeRequest(spans) ?? []),
  )
}
