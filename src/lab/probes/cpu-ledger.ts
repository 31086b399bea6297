import { growthOf, type MetricsReading, parsePage, sumsBy } from './service-metrics.ts'

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
 * What the service's CPU ledger has charged since the start, all workers together, seconds. null where no page has the
 * unattributed buckets: a service without a ledger.
 */
export function ledgerOf({ pages }: MetricsReading) {
  const series = pages.flatMap(parsePage)
  const bucketsS = sumsBy(series, 'process_cpu_unattributed_seconds_total', ({ bucket = '' }) => bucket)
  if (bucketsS.size === 0) return null
  return {
    /** Requests whose figure is final, by method and route, all answers together. */
    requests: sumsBy(series, 'http_server_request_cpu_seconds_count', routeOf),
    requestsS: sumsBy(series, 'http_server_request_cpu_seconds_sum', routeOf),
    /** What belongs to no request, by what it was for. */
    bucketsS,
  }
}

type LedgerTotals = ReturnType<typeof ledgerOf>

function routeOf({ http_request_method = '', http_route = '' }: Readonly<Record<string, string>>): string {
  return `${http_request_method} ${http_route}`.trim()
}

/** The window between two readings; null where either is missing or no request was finished. */
export function ledgerBetween(before: LedgerTotals, after: LedgerTotals): LedgerReading | null {
  if (before === null || after === null) return null
  const requests = growthOf(before.requests, after.requests)
  const requestsS = growthOf(before.requestsS, after.requestsS)
  const bucketsS = growthOf(before.bucketsS, after.bucketsS)
  const finished = sum(requests.values())
  if (finished <= 0) return null
  return {
    requestUs: (sum(requestsS.values()) * 1e6) / finished,
    bucketsUs: new Map([...bucketsS].map(([bucket, seconds]) => [bucket, (seconds * 1e6) / finished])),
    routes: new Map(
      [...requests]
        .filter(([, count]) => count > 0)
        .map(([route, count]) => [
          route,
          { requests: count, cpuUs: ((requestsS.get(route) ?? 0) * 1e6) / count },
        ]),
    ),
  }
}

function sum(values: Iterable<number>): number {
  return [...values].reduce((total, value) => total + value, 0)
}
