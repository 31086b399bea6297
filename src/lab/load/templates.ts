/**
 * What one request looks like, and how a generator makes many of it. Both k6 and Node load this file, so it
 * imports nothing.
 */

/**
 * One kind of request. In `path`, `body` and the values of `headers`, `{n}` becomes a number that no other request
 * has, `{uuid}` a random UUID and `{random:1-500}` a random number of that range. Several kinds are sent in the
 * proportion of their weights.
 */
export interface RequestTemplate {
  /** By default POST with a body, GET without one. */
  readonly method?: string
  /** Added to the path of the base URL; empty: that path alone. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** A whole number; 1 by default. */
  readonly weight?: number
}

/** The methods that a load may use. HEAD is not among them, because wrk waits for a body. */
export const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** The request that every generator and the first request send. `prepareRequest` builds it. */
export interface PreparedRequest {
  readonly method: string
  /** Path and query as they stand in the request line, percent-encoded; placeholders are kept. */
  readonly target: string
  /** All headers except those of the connection and the length of the body. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
  /** Whether it has placeholders, so that each request is different. */
  readonly varies: boolean
}

/** The failures that are told apart; 0 is a request without an answer. */
export const failureStatuses = [
  ...[0, 300, 301, 302, 303, 304, 307, 308],
  ...[
    400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 423,
  ],
  ...[
    424, 425, 426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 507, 508, 511, 520, 521, 522, 523,
  ],
  ...[524, 525, 526, 530],
]

/** Numbers that a generator may put in place of `{n}` in each second of load. */
export const numbersPerS = 1e7

/** Whether a text has a placeholder. */
export function varies(text: string): boolean {
  return text.search(placeholders) >= 0
}

/** The request with values for its placeholders: `running` for `{n}`, one UUID for all `{uuid}`. */
export function filled<Kind extends PreparedRequest>(request: Kind, running: number): Kind {
  if (!request.varies) return request
  const uuid = randomUuid()
  const fill = (text: string) =>
    text.replace(placeholders, (placeholder, low?: string, high?: string) => {
      if (placeholder === '{n}') return String(running)
      return placeholder === '{uuid}' ? uuid : String(randomBetween(Number(low), Number(high)))
    })
  return {
    ...request,
    target: fill(request.target),
    headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, fill(value)])),
    body: request.body === null ? null : fill(request.body),
  }
}

/** Applies `change` to the pieces of a text between its placeholders. */
export function aroundPlaceholders(text: string, change: (piece: string) => string): string {
  let changed = ''
  let from = 0
  for (const { 0: placeholder, index } of text.matchAll(placeholders)) {
    changed += change(text.slice(from, index)) + placeholder
    from = index + placeholder.length
  }
  return changed + change(text.slice(from))
}

/** Indexes of the requests in the order to send them, each as often as it weighs, evenly mixed. */
export function weightedOrder(requests: readonly RequestTemplate[]): number[] {
  return requests
    .flatMap(({ weight = 1 }, index) =>
      Array.from({ length: weight }, (_, nth) => ({ index, at: (nth + 0.5) / weight })),
    )
    .sort((a, b) => a.at - b.at)
    .map(({ index }) => index)
}

const placeholders = /\{(?:n|uuid|random:(\d+)-(\d+))\}/g

function randomBetween(low: number, high: number): number {
  return low + Math.floor(Math.random() * (high - low + 1))
}

/** Version 4 of RFC 9562. Some versions of k6 have no `crypto.randomUUID`. */
function randomUuid(): string {
  return 'xxxxxxxx-xxxx-4xxx-Vxxx-xxxxxxxxxxxx'.replace(/[xV]/g, kind =>
    randomBetween(kind === 'V' ? 8 : 0, kind === 'V' ? 11 : 15).toString(16),
  )
}
