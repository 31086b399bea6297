import { growthOf, type MetricsReading, parsePage, sumOf, sumsBy } from './service-metrics.ts'

/** A histogram's count and sum, of seconds or of rows. */
interface Total {
  readonly count: number
  readonly sum: number
}

/** What a service did between two readings. */
export interface ServiceWindow {
  /** Requests there at any moment, by where they were (Little's law: time spent there, over the window). */
  readonly whereabouts: {
    readonly service: number
    readonly poolQueue: number | null
    readonly database: number | null
    readonly batchQueue: number | null
  }
  /** null where the service tells of no pool. */
  readonly pool: {
    readonly max: number
    readonly used: number | null
    readonly waitMs: number | null
    readonly useMs: number | null
    readonly timeouts: number | null
  } | null
  readonly requests: number
  /** Requests refused, by the limit that refused them. */
  readonly refusals: ReadonlyMap<string, number>
  readonly gcShare: number | null
  /** Mean length of such a stop. */
  readonly gcPauseMs: number | null
  readonly residentMiB: number | null
  readonly heapShare: number | null
  /** Mean rows in a batch of inserts; null where the service counts none. */
  readonly rowsPerBatch: number | null
}

/**
 * What a service's metrics pages say at one moment, its workers added up. Totals are since it began. Reads the metrics
 * of the OpenTelemetry conventions, and those that this service adds. null without a histogram of request durations:
 * then the locations of requests are unknown.
 */
export function serviceTotalsOf({ atMs, pages }: MetricsReading) {
  const workers = pages.map(parsePage)
  const series = workers.flat()
  const total = (metric: string): Total | null => {
    const [count, sum] = [sumOf(series, `${metric}_count`), sumOf(series, `${metric}_sum`)]
    return count === null || sum === null ? null : { count, sum }
  }
  const requests = total('http_server_request_duration_seconds')
  if (requests === null) return null
  const heapShares = workers.map(worker => {
    const limit = sumOf(worker, 'v8_heap_size_limit_bytes')
    return limit === null ? null : (sumOf(worker, 'v8js_memory_heap_used_bytes') ?? 0) / limit
  })
  return {
    atMs,
    requests,
    poolWait: total('db_client_connection_wait_time_seconds'),
    poolUse: total('db_client_connection_use_time_seconds'),
    statements: total('db_client_operation_duration_seconds'),
    /** Statements that carried batches, and their rows. */
    batches: total('insert_batch_rows'),
    rows: sumOf(series, 'insert_rows_total'),
    poolTimeouts: sumOf(series, 'db_client_connection_timeouts_total'),
    refusals: sumsBy(series, 'requests_rejected_total', ({ reason = '' }) => reason),
    gcPauses: total('v8js_gc_duration_seconds'),
    /** Pauses of each worker, seconds. */
    gcS: workers.flatMap(worker => sumOf(worker, 'v8js_gc_duration_seconds_sum') ?? []),
    // Gauges, as they stood.
    poolMax: sumOf(series, 'db_client_connection_max'),
    poolUsed: sumOf(series, 'db_client_connection_count', { db_client_connection_state: 'used' }),
    /** Rows. */
    batchQueue: sumOf(series, 'insert_queue_depth'),
    residentBytes: sumOf(series, 'process_resident_memory_bytes'),
    /** Of the worker whose heap is nearest to its limit. */
    heapShare: largest(heapShares),
  }
}

type ServiceTotals = ReturnType<typeof serviceTotalsOf>

/** The window between two readings; null where either is missing. */
export function serviceBetween(before: ServiceTotals, after: ServiceTotals): ServiceWindow | null {
  if (before === null || after === null) return null
  const windowS = (after.atMs - before.atMs) / 1000
  if (windowS <= 0) return null
  const grown = (of: Histogram): Total | null => {
    const [from, to] = [before[of], after[of]]
    return to === null ? null : { count: to.count - (from?.count ?? 0), sum: to.sum - (from?.sum ?? 0) }
  }
  const there = (spent: Total | null) => (spent === null ? null : spent.sum / windowS)
  const requests = grown('requests') ?? { count: 0, sum: 0 }
  const [wait, use, statements] = [grown('poolWait'), grown('poolUse'), grown('statements')]
  // A statement that carries a batch carries several requests; one request may need several statements.
  const carried = statements === null || statements.count === 0 ? 1 : requests.count / statements.count
  const statementsThere = there(statements)
  const rows = (after.rows ?? 0) - (before.rows ?? 0)
  const rowsPerRequest = Math.max(1, requests.count === 0 ? 1 : rows / requests.count)
  const rowsQueued =
    before.batchQueue === null || after.batchQueue === null
      ? null
      : (before.batchQueue + after.batchQueue) / 2
  return {
    whereabouts: {
      service: requests.sum / windowS,
      poolQueue: there(wait),
      database: statementsThere === null ? null : statementsThere * Math.max(1, carried),
      batchQueue: rowsQueued === null ? null : rowsQueued / rowsPerRequest,
    },
    pool:
      after.poolMax === null
        ? null
        : {
            max: after.poolMax,
            // A connection kept for the whole window ends no use in it: only the gauge knows of that one.
            used: largest([there(use), smaller(before.poolUsed, after.poolUsed)]),
            waitMs: meanMs(wait),
            useMs: meanMs(use),
            timeouts: after.poolTimeouts === null ? null : after.poolTimeouts - (before.poolTimeouts ?? 0),
          },
    requests: requests.count,
    refusals: growthOf(before.refusals, after.refusals),
    gcPauseMs: meanMs(grown('gcPauses')),
    gcShare: largest(after.gcS.map((seconds, worker) => (seconds - (before.gcS[worker] ?? 0)) / windowS)),
    residentMiB: after.residentBytes === null ? null : after.residentBytes / 2 ** 20,
    heapShare: after.heapShare,
    rowsPerBatch: meanOf(grown('batches')),
  }
}

type Histogram = 'requests' | 'poolWait' | 'poolUse' | 'statements' | 'batches' | 'gcPauses'

function meanOf(total: Total | null): number | null {
  return total === null || total.count <= 0 ? null : total.sum / total.count
}

function meanMs(total: Total | null): number | null {
  const meanS = meanOf(total)
  return meanS === null ? null : meanS * 1000
}

function largest(values: readonly (number | null)[]): number | null {
  const known = values.filter(value => value !== null)
  return known.length === 0 ? null : Math.max(...known)
}

function smaller(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.min(a, b)
}
