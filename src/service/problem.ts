import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
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

/** Answers any error; what this service did not foresee is logged with its stack and told without it. */
export function createProblemHandler(log: Logger) {
  return (error: FastifyError | ServiceError, request: FastifyRequest, reply: FastifyReply): void => {
    const known = error instanceof ServiceError ? error : fromFastify(error)
    if (known.status === 500) log.error({ err: error, url: request.url }, 'request failed')
    sendProblem(reply, known)
  }
}

function sendProblem(reply: FastifyReply, error: ServiceError): void {
  if (error.retryAfterS !== undefined) reply.header('retry-after', error.retryAfterS)
  // The rest of the request may still come, or never.
  if (error.status === 408) reply.header('connection', 'close')
  reply
    .code(error.status)
    .header('content-type', problemContentType)
    .send(JSON.stringify(toProblem(error)))
}

export function toProblem({ code, status, message }: ServiceError): Problem {
  return { type: `urn:insertlab:problem:${code}`, title: problems[code].title, status, code, detail: message }
}

/** An HTTP answer for what never became a request: the parser's own errors. */
export function rawProblem(error: ServiceError): string {
  const body = JSON.stringify(toProblem(error))
  return [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}`,
    `content-type: ${problemContentType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n')
}

/** What Node's HTTP server refuses by itself; the codes are its own. */
export function fromHttpParser(error: NodeJS.ErrnoException): ServiceError {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ServiceError('headers_too_large', 'send fewer or shorter headers', { cause: error })
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ServiceError('request_timeout', 'the connection is closed', { cause: error })
    default:
      return new ServiceError('http_malformed', error.message, { cause: error })
  }
}

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
  FST_ERR_BAD_URL: 'url_malformed',
  FST_ERR_MAX_PARAM_LENGTH: 'url_malformed',
}

function fromFastify(error: FastifyError): ServiceError {
  const code = fastifyCodes[error.code]
  if (code !== undefined) return new ServiceError(code, error.message, { cause: error })
  // Whatever else Fastify or its parsers blame on the request.
  const isCallersFault = error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500
  if (isCallersFault) return new ServiceError('body_malformed', error.message, { cause: error })
  return new ServiceError('internal', 'see the service’s log', { cause: error })
}
