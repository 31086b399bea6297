import { STATUS_CODES } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { Duplex } from 'node:stream'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { pathOf } from '../telemetry/request.ts'
import { type ProblemCode, problems, ServiceError } from './errors.ts'

/** The answer to an error: RFC 9457, with a stable `code`. */
export interface Problem {
  type: string
  title: string
  status: number
  code: ProblemCode
  detail: string
}

export const problemContentType = 'application/problem+json; charset=utf-8'

/** Not logged for each request, because all of them fail in the same way while the database is in this state. */
const loggedOnce: readonly ProblemCode[] = ['database_unavailable', 'database_read_only']
const logAgainAfterMs = 60_000
/** How long a client has to read an answer that ends its connection. */
const lingerMs = 1_000

/**
 * Answers any error. An unexpected error is logged with its stack, and the answer does not show it. A database that
 * cannot be used is logged at the first request that fails, then at most once a minute.
 */
export function createProblemHandler(log: Logger) {
  const loggedMs = new Map<ProblemCode, number>()
  return (error: FastifyError | ServiceError, request: FastifyRequest, reply: FastifyReply): void => {
    const known = error instanceof ServiceError ? error : fromFastify(error)
    if (known.status === 500) {
      // If the request is traced, this leads from the line to its trace and back.
      const traceparent = reply.getHeader('traceparent')
      log.error({ err: error, path: pathOf(request.url), traceparent }, 'request failed')
    }
    if (loggedOnce.includes(known.code)) {
      const now = performance.now()
      if (now - (loggedMs.get(known.code) ?? Number.NEGATIVE_INFINITY) >= logAgainAfterMs) {
        loggedMs.set(known.code, now)
        log.error({ err: known, code: known.code }, 'the database cannot be used')
      }
    }
    sendProblem(reply, known)
  }
}

function sendProblem(reply: FastifyReply, error: ServiceError): void {
  if (error.retryAfterS !== undefined) reply.header('retry-after', error.retryAfterS)
  // The rest of the request may arrive late or never, so the connection cannot be used again.
  if (error.status === 408 || error.code === 'http_malformed') reply.header('connection', 'close')
  reply
    .code(error.status)
    .header('content-type', problemContentType)
    .send(JSON.stringify(toProblem(error)))
}

export function toProblem({ code, status, message }: ServiceError): Problem {
  return { type: `urn:insertlab:problem:${code}`, title: problems[code].title, status, code, detail: message }
}

/** Writes the answer to the connection itself and closes it, for input that did not become a request. */
export function refuse(socket: Duplex, error: ServiceError): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const body = JSON.stringify(toProblem(error))
  socket.end(
    [
      `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}`,
      `content-type: ${problemContentType}`,
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  )
  setTimeout(() => socket.destroy(), lingerMs).unref()
}

/** Errors of Node's HTTP server, with Node's own codes. */
export function fromHttpParser(error: NodeJS.ErrnoException): ServiceError {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ServiceError('headers_too_large', 'send fewer or shorter headers', { cause: error })
    case lateRequest:
      return new ServiceError('request_timeout', 'the connection is closed', { cause: error })
    default:
      return new ServiceError('http_malformed', error.message, { cause: error })
  }
}

/** Node's code for headers or a request that took longer than `headersTimeout` or `requestTimeout`. */
export const lateRequest = 'ERR_HTTP_REQUEST_TIMEOUT'

/** Fastify's own codes are documented in its reference, "Errors". */
const fastifyCodes: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_VALIDATION: 'validation_failed',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media_type_unsupported',
  FST_ERR_CTP_INVALID_TYPE: 'media_type_unsupported',
  FST_ERR_CTP_EMPTY_TYPE: 'media_type_unsupported',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'body_malformed',
  FST_ERR_CTP_INVALID_JSON_BODY: 'body_malformed',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'body_malformed',
}

function fromFastify(error: FastifyError): ServiceError {
  const code = fastifyCodes[error.code]
  if (code !== undefined) return new ServiceError(code, error.message, { cause: error })
  // Any other error of the client that Fastify or a parser reports.
  const isCallersFault = error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500
  if (isCallersFault) return new ServiceError('body_malformed', error.message, { cause: error })
  return new ServiceError('internal', 'see the service’s log', { cause: error })
}
