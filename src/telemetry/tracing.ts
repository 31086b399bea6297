import {
  type Attributes,
  type Context,
  context,
  type Link,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type SpanOptions,
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

const tracer = trace.getTracer('insertlab')

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
 * @param request.name by the conventions the method and the route's pattern.
 * @param request.headers where they name the caller's span, whose child it is to be; else null.
 * @param request.describe called when the span is made, which is after its end.
 * @returns the span and the context to run the request in.
 */
export function startServerSpan(request: {
  name: string
  headers: IncomingRequest['headers'] | null
  describe: () => IncomingRequest
}): { span: Span; context: Context } {
  const parent = request.headers === null ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, request.headers)
  const span = tracer.startSpan(request.name, new ServerSpanOptions(request.describe), parent)
  return { span, context: trace.setSpan(parent, span) }
}

/** Its attributes are put together when the span is made (why: `late-tracer.ts`). */
class ServerSpanOptions implements SpanOptions {
  readonly kind = SpanKind.SERVER
  readonly #describe: () => IncomingRequest

  constructor(describe: () => IncomingRequest) {
    this.#describe = describe
  }

  get attributes(): Attributes {
    const { method, route, path, httpVersion, clientAddress, headers } = this.#describe()
    const { 'user-agent': userAgent } = headers
    return {
      [ATTR_HTTP_REQUEST_METHOD]: method,
      [ATTR_URL_PATH]: path,
      [ATTR_URL_SCHEME]: 'http',
      [ATTR_NETWORK_PROTOCOL_VERSION]: httpVersion,
      [ATTR_HTTP_ROUTE]: route,
      [ATTR_CLIENT_ADDRESS]: clientAddress,
      [ATTR_USER_AGENT_ORIGINAL]: typeof userAgent === 'string' ? userAgent : undefined,
    }
  }
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

/** The wait of the running request for the batch that will carry its rows; null if the request is not sampled. */
export function startBatchWait(): Span | null {
  if (trace.getActiveSpan() === undefined) return null
  return tracer.startSpan('batch.wait', { kind: SpanKind.INTERNAL }, context.active())
}

/**
 * A batch belongs to many requests and so to no one trace: it is a root span of its own, with a link to
 * every sampled request whose rows it carries. Where none is sampled there is no span.
 * @returns runs the batch's statement below its span, and ends it.
 */
export function startBatchSpan(waits: readonly Span[], table: string, rows: number): BatchSpan | null {
  if (waits.length === 0) return null
  const links: Link[] = waits.map(wait => ({ context: wait.spanContext() }))
  const span = tracer.startSpan(
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
  run<T>(callback: () => T): T
  end(error: Error | null): void
}
