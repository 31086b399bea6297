import { type MetricsReading, sumsByLabel, valuesOf } from './service-metrics.ts'

/** What the service's CPU ledger has charged since the start, all workers together, us. */
export interface LedgerTotals {
  /** Requests whose figure is final. */
  readonly requests: number
  readonly requestsUs: number
  /** What belongs to no request, by what it was for. */
  readonly bucketsUs: ReadonlyMap<string, number>
  readonly routes: ReadonlyMap<string, RouteTotals>
}

/** Of the requests to one method and route, all answers together. */
export interface RouteTotals {
  readonly requests: number
  readonly us: number
}

/** What it charged in a window, us per request: CPU of the request itself, and of each bucket. */
export interface LedgerReading {
  readonly requestUs: number
  readonly bucketsUs: ReadonlyMap<string, number>
  /** By method and route, such as `GET /items/:id`; the method alone where the ledger knows no route. */
  readonly routes: ReadonlyMap<string, RouteReading>
}

export interface RouteReading {
  readonly requests: number
  readonly cpuUs: number
}

/**
 * Reads the histogram of CPU per request, all its routes, and the unattributed buckets. null where no page has
 * both: a service without a ledger.
 */
export function ledgerOf({ pages }: MetricsReading): LedgerTotals | null {
  const total = (metric: string) => sum(pages.flatMap(page => valuesOf(page, metric)))
  const bucketsUs = new Map<string, number>()
  for (const page of pages) {
    for (const [bucket, seconds] of sumsByLabel(page, 'process_cpu_unattributed_seconds_total', 'bucket'))
      bucketsUs.set(bucket, (bucketsUs.get(bucket) ?? 0) + seconds * 1e6)
  }
  const requests = total('http_server_request_cpu_seconds_count')
  if (bucketsUs.size === 0) return null
  return {
    requests,
    requestsUs: total('http_server_request_cpu_seconds_sum') * 1e6,
    bucketsUs,
    routes: routesOf(pages),
  }
}

/** The window between two readings; null where either is missing or no request was finished. */
export function ledgerBetween(before: LedgerTotals | null, after: LedgerTotals | null): LedgerReading | null {
  if (before === null || after === null) return null
  const requests = after.requests - before.requests
  if (requests <= 0) return null
  return {
    requestUs: (after.requestsUs - before.requestsUs) / requests,
    bucketsUs: new Map(
      [...after.bucketsUs].map(([bucket, us]) => [
        bucket,
        (us - (before.bucketsUs.get(bucket) ?? 0)) / requests,
      ]),
    ),
    routes: new Map(
      [...after.routes].flatMap(([route, total]): [string, RouteReading][] => {
        const from = before.routes.get(route) ?? { requests: 0, us: 0 }
        const finished = total.requests - from.requests
        return finished > 0 ? [[route, { requests: finished, cpuUs: (total.us - from.us) / finished }]] : []
      }),
    ),
  }
}

function routesOf(pages: readonly string[]): Map<string, RouteTotals> {
  const routes = new Map<string, RouteTotals>()
  for (const line of pages.flatMap(page => page.split('\n'))) {
    const [, kind, labels = '', value] =
      /^http_server_request_cpu_seconds_(sum|count)\{(.*)\} (\S+)/.exec(line) ?? []
    if (kind === undefined) continue
    const label = (name: string) =>
      new RegExp(`(?:^|,)${name}="((?:[^"\\\\]|\\\\.)*)"`).exec(labels)?.[1] ?? ''
    const name = `${label('http_request_method')} ${label('http_route')}`.trim()
    const { requests, us } = routes.get(name) ?? { requests: 0, us: 0 }
    const amount = Number(value)
    routes.set(
      name,
      kind === 'count' ? { requests: requests + amount, us } : { requests, us: us + amount * 1e6 },
    )
  }
  return routes
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
