/**
 * All errors that the service answers with: a stable code for programs, a status, and a title for people.
 * `problem.ts` writes the answers, as RFC 9457 problem+json.
 */
export const problems = {
  validation_failed: { status: 400, title: 'The request does not fit the schema' },
  body_malformed: { status: 400, title: 'The body cannot be parsed' },
  http_malformed: { status: 400, title: 'What was sent is not HTTP' },
  url_malformed: { status: 400, title: 'The URL cannot be parsed' },
  text_not_storable: { status: 400, title: 'The database does not store this' },
  cursor_invalid: { status: 400, title: 'The cursor is not one that this service gave out' },
  line_invalid: { status: 400, title: 'A line of the stream cannot be stored' },
  not_found: { status: 404, title: 'There is nothing here' },
  method_not_allowed: { status: 405, title: 'The resource does not take this method' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  body_too_large: { status: 413, title: 'The body is larger than this service takes' },
  media_type_unsupported: { status: 415, title: 'The body’s media type is not supported' },
  expectation_failed: { status: 417, title: 'The expectation of the request is not supported' },
  rate_limited: { status: 429, title: 'This client has sent more requests than it may in a second' },
  headers_too_large: { status: 431, title: 'The headers are larger than this service takes' },
  overloaded: { status: 503, title: 'Too much work is waiting already' },
  deadline_exceeded: { status: 503, title: 'The request waited or ran too long; nothing was stored' },
  database_unavailable: { status: 503, title: 'The database cannot be reached; nothing was stored' },
  database_read_only: { status: 503, title: 'The database is read-only; nothing was stored' },
  outcome_unknown: {
    status: 503,
    title: 'The connection was lost before the database confirmed: the rows may or may not be stored',
  },
  not_ready: { status: 503, title: 'The service does not take requests now' },
  client_gone: { status: 499, title: 'The client left before its rows were sent; nothing was stored' },
  internal: { status: 500, title: 'The service failed' },
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemCode = keyof typeof problems

/** An error with a known answer. The caller reads `detail`, so it has no secrets and no row contents. */
export class ServiceError extends Error {
  readonly code: ProblemCode
  readonly status: number
  /** When the client may try again. Only for 429 and 503. */
  readonly retryAfterS: number | undefined

  constructor(code: ProblemCode, detail: string, options: { cause?: unknown; retryAfterS?: number } = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ServiceError'
    this.code = code
    this.status = problems[code].status
    this.retryAfterS = options.retryAfterS ?? (this.status === 503 ? 1 : undefined)
  }
}

/** An error that stops the start. Its message is one line that says what is wrong and what to do. */
export class StartError extends Error {
  override readonly name = 'StartError'
}

/** Ends the process with exit code 1 and one line on standard error. An unexpected error is printed with its stack. */
export function endWithError(error: unknown): never {
  const line = error instanceof StartError ? error.message : String((error as Error).stack ?? error)
  process.stderr.write(`insertlab: ${line}\n`)
  process.exit(1)
}
