/**
 * What one request looks like, and how a generator makes many of it. Both k6 and Node load this file, so it
 * imports nothing.
 */

/**
 * One kind of request. In `path` and `body`, `{n}` becomes a number that no other request of the run has,
 * and `{random:1-500}` a random one of that range. Several kinds are sent in the proportion of their weights.
 */
export interface RequestTemplate {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** A whole number; 1 by default. */
  readonly weight?: number
}

/** The failures that are told apart; 0 is a request without an answer. */
export const failureStatuses = [0, 400, 404, 408, 429, 500, 502, 503, 504]

/** Whether each request of this kind is different. */
export function varies({ path, body = '' }: RequestTemplate): boolean {
  return placeholder.test(path) || placeholder.test(body)
}

/** The template with `{n}` as `running` and `{random:low-high}` drawn anew. */
export function filled(template: string, running: number): string {
  return template
    .replaceAll('{n}', String(running))
    .replace(randoms, (_, low: string, high: string) => String(randomBetween(Number(low), Number(high))))
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

const placeholder = /\{(?:n|random:\d+-\d+)\}/
const randoms = /\{random:(\d+)-(\d+)\}/g

function randomBetween(low: number, high: number): number {
  return low + Math.floor(Math.random() * (high - low + 1))
}
