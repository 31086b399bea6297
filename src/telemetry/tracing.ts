import {
  type Context,
  context,
  type Link,
  propagation,
  ROOT_CONTEXT,
  type Span,
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
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_NETWORK_PROTOCOL_VERSION,
  ATTR_URL_PATH,
  ATTR_URL_SCHEME,
  ATTR_USER_AGENT_ORIGINAL,
  DB_SYSTEM_NAME_VALUE_POSTGRESQL,
} from '@opentelemetry/semantic-conventions'
import type { RequestScope } from './request-scope.ts'

/**
 * The spans that this service makes by hand: the server span of a sampled request, the span of a batch and
 * the wait for one. Query spans are the pg instrumentation's. Names and attributes follow the semantic
 * conventions; the query string and row contents are in none of them, because they are the user's data.
 */

/** Our own attributes; the conventions have none for these. */
const attributes = {
  requestCpuS: 'insertlab.request.cpu_s',
  batchRows: 'insertlab.batch.rows',
} as const

// Looked up late: the SDK registers itself before the service loads, tests may do so after.
const tracer = () => trace.getTracer('insertlab')

/** What of an HTTP request goes into its span. */
export interface IncomingRequest {
  method: string
  /** The pattern; undefined where no route matched. */
  route: string | undefined
  /** Without the query string. */
  path: string
  httpVersion: string
  clientAddress: string | undefined
  headers: Readonly<Record<string, string | string[] | undefined>>
}

/**
 * Starts the server span of a request that the edge sampler chose.
 * @returns the span and the context to run the request in.
 */
export function startServerSpan(
  request: IncomingRequest,
  hasParent: boolean,
): { span: Span; context: Context } {
  const parent = hasParent ? propagation.extract(ROOT_CONTEXT, request.headers) : ROOT_CONTEXT
  const { 'user-agent': userAgent } = request.headers
  const span = tracer().startSpan(
    request.route === undefined ? request.method : `${request.method} ${request.route}`,
    {
      kind: SpanKind.SERVER,
      attributes: {
        [ATTR_HTTP_REQUEST_METHOD]: request.method,
        [ATTR_URL_PATH]: request.path,
        [ATTR_URL_SCHEME]: 'http',
        [ATTR_NETWORK_PROTOCOL_VERSION]: request.httpVersion,
        ...(request.route !== undefined && { [ATTR_HTTP_ROUTE]: request.route }),
        ...(request.clientAddress !== undefined && { [ATTR_CLIENT_ADDRESS]: request.clientAddress }),
        ...(typeof userAgent === 'string' && { [ATTR_USER_AGENT_ORIGINAL]: userAgent }),
      },
    },
    parent,
  )
  return { span, context: trace.setSpan(parent, span) }
}

/** @param errorType absent on success; else a stable word of the conventions or an exception's name. */
export function endServerSpan(span: Span, statusCode: number, cpuS: number, errorType: string): void {
  span.setAttribute(ATTR_HTTP_RESPONSE_STATUS_CODE, statusCode)
  span.setAttribute(attributes.requestCpuS, cpuS)
  if (errorType !== '') {
    span.setAttribute(ATTR_ERROR_TYPE, errorType)
    if (statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
  }
  span.end()
}

/** The W3C header that tells the caller which trace its request is in. */
export function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}

/** The wait of a sampled request for the batch that will carry its rows. */
export function startBatchWait(scope: RequestScope): Span {
  return tracer().startSpan('batch.wait', { kind: SpanKind.INTERNAL }, scope.context)
}

/**
 * A batch belongs to many requests and so to no one trace: it is a root span of its own, with a link to
 * every sampled request whose rows it carries. Where none is sampled there is no span.
 * @returns runs the batch's statement below its span, and ends it.
 */
export function startBatchSpan(
  scopes: readonly RequestScope[],
  table: string,
  rows: number,
): BatchSpan | null {
  const links: Link[] = []
  for (const { span } of scopes) if (span !== undefined) links.push({ context: span.spanContext() })
  if (links.length === 0) return null
  const span = tracer().startSpan(
    `batch ${table}`,
    {
      kind: SpanKind.INTERNAL,
      links,
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
  return {
    run: callback => context.with(batchContext, callback),
    end: error => {
      if (error !== null) {
        span.setAttribute(ATTR_ERROR_TYPE, error.name)
        span.setStatus({ code: SpanStatusCode.ERROR })
      }
      span.end()
    },
  }
}

export interface BatchSpan {
  run(callback: () => void): void
  end(error: Error | null): void
}
