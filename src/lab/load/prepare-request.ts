import { aroundPlaceholders, type PreparedRequest, type RequestTemplate, varies } from './templates.ts'

/** Scheme, host and port, as a connection needs them. */
export function originOf(baseUrl: string): string {
  const { protocol, host } = new URL(baseUrl)
  return `${protocol}//${host}`
}

/**
 * The only place where a request is built. The first request, every generator and the report use it, so they all use
 * the same request. The path is added to that of the base URL, the queries of both are joined; credentials in the
 * base URL become a header. Names of headers keep their spelling, except that `Host` has a capital, as wrk needs it.
 */
export function prepareRequest(baseUrl: string, template: RequestTemplate): PreparedRequest {
  const { body = null, headers = {} } = template
  const method = methodOf(template)
  const target = targetOf(baseUrl, template.path)
  const all = { ...defaultHeaders(baseUrl, method, body), ...headers }
  const merged = withoutDoubles(Object.entries(all))
  return {
    method,
    target,
    headers: merged,
    body,
    varies: [target, body ?? '', ...Object.values(merged)].some(varies),
  }
}

/** A body without a method is posted. */
export function methodOf({ method, body }: RequestTemplate): string {
  return method ?? (body === undefined ? 'GET' : 'POST')
}

/** Its name in the report: `GET /items?limit=5`. */
export function nameOf({ method, target }: Pick<PreparedRequest, 'method' | 'target'>): string {
  return `${method} ${target}`
}

/** `URL` has already encoded the base, but not the placeholders that it may contain. */
function targetOf(baseUrl: string, path: string): string {
  const [, basePath = '', baseQuery] = /^\w+:\/\/[^/?#]*([^?#]*)(?:\?([^#]*))?/.exec(baseUrl) ?? []
  const [, ownPath = '', ownQuery] = /^([^?#]*)(?:\?([^#]*))?/.exec(path) ?? []
  const joined = ownPath === '' ? basePath || '/' : basePath.replace(/\/$/, '') + ownPath
  const query = [baseQuery, ownQuery].filter(Boolean).join('&')
  return encoded(query === '' ? joined : `${joined}?${query}`)
}

/** Encodes what is not allowed in a request line, and a `%` without two digits. What is encoded already stays. */
function encoded(text: string): string {
  return aroundPlaceholders(text, piece =>
    piece
      .toWellFormed()
      .replace(/%(?![\da-f]{2})/gi, '%25')
      .replace(/[^\x21-\x7e]|["<>\\^`{|}]/gu, encodeURIComponent),
  )
}

function defaultHeaders(baseUrl: string, method: string, body: string | null): Record<string, string> {
  const { host, username, password } = new URL(baseUrl)
  const credentials = [username, password].map(decodeURIComponent).join(':')
  return {
    Host: host,
    'user-agent': 'insertlab',
    accept: '*/*',
    ...(credentials !== ':' && { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }),
    ...(body !== null && { 'content-type': isJson(body) ? 'application/json' : 'text/plain; charset=utf-8' }),
    ...(body === null && wantsBody.has(method) && { 'content-length': '0' }),
  }
}

const wantsBody: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

/** A placeholder may be in the place of a number. */
function isJson(body: string): boolean {
  try {
    JSON.parse(body.replace(/\{(?:n|random:\d+-\d+)\}/g, '1'))
    return true
  } catch {
    return false
  }
}

/** If two names of headers differ only in case, the later header stays. */
function withoutDoubles(headers: readonly (readonly [string, string])[]): Record<string, string> {
  const byName = new Map(headers.map(([name, value]) => [name.toLowerCase(), value]))
  return Object.fromEntries([...byName].map(([name, value]) => [name === 'host' ? 'Host' : name, value]))
}
