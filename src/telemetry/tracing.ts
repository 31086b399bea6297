import type { IncomingMessage } from 'node:http'
import {
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import {
  ATTR_CLIENT_ADDRESS,
  ATTR_DB_COLLECTION_NAME,
  ATTR_DB_OPERATION_NAME,
  ATTR_DB_SYSTEM_NAME,
  ATTR_ERROR_TYPE,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_REQUEST_METHOD_ORIGINAL,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_NETWORK_PROTOCOL_VERSION,
  ATTR_URL_PATH,
  ATTR_URL_SCHEME,
  ATTR_USER_AGENT_ORIGINAL,
  DB_SYSTEM_NAME_VALUE_POSTGRESQL,
} from '@opentelemetry/semantic-conventions'
import type { SampledRequest } from './edge-sampler.ts'
import { otherMethod } from './metrics.ts'

/**
 * The spans that this service makes itself: the server span of a sampled request, the span of a batch, and for each of
 * its sampled requests the wait for the batch and the time in it. The pg instrumentation makes the query spans. Names
 * and attributes follow the semantic conventions. They contain no query string and no row contents, which are the
 * user's data.
 */

/** Our own attributes; the conventions have none for these. */
const attributes = {
  requestCpuS: 'insertlab.request.cpu_s',
  batchRows: 'insertlab.batch.rows',
} as const

const tracer = trace.getTracer('insertlab')

/** The span of a sampled request. */
export interface ServerSpan {
  readonly span: Span
  readonly traceId: string
  /** The context in which the request runs. */
  readonly context: Context
}

/**
 * Starts the server span of a request that the edge sampler chose.
 * @param request.method as `httpMethod` returns it.
 * @param request.route the pattern; undefined if no route matched.
 */
export function startServerSpan(
  { parent }: SampledRequest,
  { method, route, raw }: { method: string; route: string | undefined; raw: IncomingMessage },
): ServerSpan {
  const nameOfMethod = method === otherMethod ? 'HTTP' : method
  const span = tracer.startSpan(
    route === undefined ? nameOfMethod : `${nameOfMethod} ${route}`,
    {
      kind: SpanKind.SERVER,
      attributes: {
        [ATTR_HTTP_REQUEST_METHOD]: method,
        [ATTR_HTTP_REQUEST_METHOD_ORIGINAL]: method === otherMethod ? raw.method : undefined,
        [ATTR_URL_PATH]: raw.url?.split('?', 1)[0],
        [ATTR_URL_SCHEME]: 'http',
        [ATTR_NETWORK_PROTOCOL_VERSION]: raw.httpVersion,
        [ATTR_HTTP_ROUTE]: route,
        [ATTR_CLIENT_ADDRESS]: raw.socket.remoteAddress,
        [ATTR_USER_AGENT_ORIGINAL]: raw.headers['user-agent'],
      },
    },
    parent,
  )
  return { span, traceId: span.spanContext().traceId, context: trace.setSpan(parent, span) }
}

/**
 * @param outcome.status 0 if there was no answer.
 * @param outcome.errorType empty on success, otherwise a fixed word or a status.
 * @param outcome.cpuS null if the ledger does not run.
 */
export function endServerSpan(
  { span }: ServerSpan,
  { status, errorType, cpuS }: { status: number; errorType: string; cpuS: number | null },
): void {
  if (status !== 0) span.setAttribute(ATTR_HTTP_RESPONSE_STATUS_CODE, status)
  if (cpuS !== null) span.setAttribute(attributes.requestCpuS, cpuS)
  if (errorType !== '') {
    span.setAttribute(ATTR_ERROR_TYPE, errorType)
    if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
  }
  span.end()
}

/** Tells the caller which trace its request is in, in the format of the W3C's request header `traceparent`. */
export function traceparentOf({ span }: ServerSpan): string {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}

/** The server span that a wait belongs to. */
const requestOf = new WeakMap<Span, SpanContext>()

/**
 * Starts the span of the running request's wait for the batch that will carry its rows. End it when the batch is built.
 * @returns null if the request is not sampled.
 */
export function startBatchWait(): Span | null {
  const request = trace.getActiveSpan()
  if (request === undefined) return null
  const wait = tracer.startSpan('batch.wait', { kind: SpanKind.INTERNAL })
  requestOf.set(wait, request.spanContext())
  return wait
}

/**
 * Starts the span of a batch. It belongs to many requests and so to no single trace. It is a root span with a link to
 * each sampled request whose rows it carries. Each of these requests has a span `batch.run` for the same time, with a
 * link to the batch: without it the longest part of a batched insert would be a gap in its trace.
 * @param waits the waits of its sampled requests, also those that have ended.
 * @returns null if none of its requests is sampled.
 */
export function startBatchSpan(waits: readonly Span[], table: string, rows: number): BatchSpan | null {
  const requests = waits.flatMap(wait => requestOf.get(wait) ?? [])
  if (requests.length === 0) return null
  const span = tracer.startSpan(
    `batch ${table}`,
    {
      kind: SpanKind.INTERNAL,
      links: requests.map(request => ({ context: request })),
      attributes: {
        [ATTR_DB_SYSTEM_NAME]: DB_SYSTEM_NAME_VALUE_POSTGRESQL,
        [ATTR_DB_OPERATION_NAME]: 'INSERT',
        [ATTR_DB_COLLECTION_NAME]: table,
        [attributes.batchRows]: rows,
      },
    },
    ROOT_CONTEXT,
  )
  const batchContext = trace.setSpan(ROOT_CONTEXT, span)
  const links = [{ context: span.spanContext() }]
  const runs = requests.map(request =>
    tracer.startSpan(
      'batch.run',
      { kind: SpanKind.INTERNAL, links },
      trace.setSpanContext(ROOT_CONTEXT, request),
    ),
  )
  return {
    run: callback => context.with(batchContext, callback),
    end: error => {
      if (error !== null) {
        span.setAttribute(ATTR_ERROR_TYPE, error.name)
        span.setStatus({ code: SpanStatusCode.ERROR })
      }
      for (const run of runs) run.end()
      span.end()
    },
  }
}

export interface BatchSpan {
  /** Runs the batch's statement, with its spans below this one. */
  run<T>(callback: () => T): T
  end(error: Error | null): void
}
