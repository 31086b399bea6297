import { Counter, Gauge, Registry } from 'prom-client'
import { type CpuTotals, totals } from '../ledger/index.ts'
import { BoundCounter, BoundHistogram, counterName, type OpenMetricsRegistry } from './bound-series.ts'
import { batchRowBuckets, cpuBucketsS, latencyBucketsS, metricNames } from './metric-names.ts'

/** Labels that the semantic conventions require and that never vary here. */
const http = { url_scheme: 'http' }
const database = { db_system_name: 'postgresql' }
const pool = { db_client_connection_pool_name: 'insertlab' }

/** The metrics that the code updates when something happens. `runtime-metrics.ts` adds those that a timer reads. */
export type Metrics = ReturnType<typeof createMetrics>

export function createMetrics() {
  const registry = createTotalsRegistry()
  const registers = [registry]
  return {
    registry,
    requestDuration: new BoundHistogram({
      name: metricNames.requestDuration,
      help: 'Time from the parsed request headers to the end of the answer.',
      labelNames: ['http_request_method', 'http_route', 'http_response_status_code', 'error_type'],
      constantLabels: http,
      buckets: latencyBucketsS,
      registry,
    }),
    requestCpu: new BoundHistogram({
      name: metricNames.requestCpu,
      help: 'CPU that this process used for one request, by the ledger.',
      labelNames: ['http_request_method', 'http_route', 'insert_strategy'],
      buckets: cpuBucketsS,
      registry,
    }),
    requestsRejected: new Counter({
      name: counterName(metricNames.requestsRejected),
      help: 'Requests answered 503 without trying, by the limit that refused them.',
      labelNames: ['reason'],
      registers,
    }),
    insertRows: new BoundCounter({
      name: metricNames.insertRows,
      help: 'Rows committed.',
      labelNames: ['insert_strategy'],
      registry,
    }),
    insertBatchRows: new BoundHistogram({
      name: metricNames.insertBatchRows,
      help: 'Rows in one batch: it grows with the load, and the cost of a row falls with it.',
      labelNames: ['db_collection_name'],
      buckets: batchRowBuckets,
      registry,
    }),
    queryDuration: new BoundHistogram({
      name: metricNames.queryDuration,
      help: 'Time from sending a statement to its result, as the client sees it.',
      labelNames: ['db_operation_name', 'error_type'],
      constantLabels: database,
      buckets: latencyBucketsS,
      registry,
    }),
    connectionWait: new BoundHistogram({
      name: metricNames.connectionWait,
      help: 'Time a request waited for a connection.',
      labelNames: [],
      constantLabels: pool,
      buckets: latencyBucketsS,
      registry,
    }).series(),
    connectionUse: new BoundHistogram({
      name: metricNames.connectionUse,
      help: 'Time a connection was held.',
      labelNames: [],
      constantLabels: pool,
      buckets: latencyBucketsS,
      registry,
    }).series(),
    connectionTimeouts: new BoundCounter({
      name: metricNames.connectionTimeouts,
      help: 'Requests that gave up waiting for a connection.',
      labelNames: [],
      constantLabels: pool,
      registry,
    }).series(),
  }
}

const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT', 'TRACE'])
export const otherMethod = '_OTHER'

/** The method, or `_OTHER` as the conventions ask, so that clients cannot create new series. */
export function httpMethod(method: string): string {
  return knownMethods.has(method) ? method : otherMethod
}

type Reading = readonly [labels: Readonly<Record<string, string>>, value: number]

/** A gauge whose value is read at each scrape, so that it costs a request nothing. */
export function registerGauge(metrics: Metrics, name: string, help: string, read: () => number): void {
  registerReadings(metrics, { name, help, labelNames: [] }, () => [[{}, read()]])
}

/** @param active how many requests have arrived and are not answered, by method. */
export function registerActiveRequests(metrics: Metrics, active: ReadonlyMap<string, number>): void {
  registerReadings(
    metrics,
    {
      name: metricNames.activeRequests,
      help: 'Requests that have arrived and are not answered.',
      labelNames: ['http_request_method', 'url_scheme'],
    },
    () => [...active].map(([method, count]) => [{ http_request_method: method, ...http }, count]),
  )
}

/** The connections of a pool and how many requests wait for one. */
export interface PoolCounts {
  readonly max: number
  readonly idle: number
  readonly used: number
  readonly pending: number
}

export function registerPool(metrics: Metrics, read: () => PoolCounts): void {
  const labelNames = Object.keys(pool)
  registerReadings(
    metrics,
    {
      name: metricNames.connectionCount,
      help: 'Open connections, idle and used.',
      labelNames: [...labelNames, 'db_client_connection_state'],
    },
    () => {
      const { idle, used } = read()
      return [
        [{ ...pool, db_client_connection_state: 'idle' }, idle],
        [{ ...pool, db_client_connection_state: 'used' }, used],
      ]
    },
  )
  registerReadings(
    metrics,
    { name: metricNames.connectionMax, help: 'Connections that the pool may open.', labelNames },
    () => [[pool, read().max]],
  )
  registerReadings(
    metrics,
    { name: metricNames.connectionPending, help: 'Requests waiting for a connection.', labelNames },
    () => [[pool, read().pending]],
  )
}

function registerReadings(
  { registry }: Metrics,
  options: { name: string; help: string; labelNames: string[] },
  read: () => readonly Reading[],
): void {
  new Gauge({
    ...options,
    registers: [registry],
    collect() {
      for (const [labels, value] of read()) this.set(labels, value)
    },
  })
}

/** The registry of `TELEMETRY=ledger` and `off`: CPU totals, but no metrics of requests. */
export function createTotalsRegistry(): OpenMetricsRegistry {
  const registry: OpenMetricsRegistry = new Registry()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  registerCpuTotals([registry])
  return registry
}

function registerCpuTotals(registers: OpenMetricsRegistry[]): void {
  // First in the registry, so that its `collect` has set the others before they are printed.
  new Counter({
    name: counterName(metricNames.processCpu),
    help: 'CPU of the whole process, all threads.',
    registers,
    collect() {
      const { processS, requestsS, unattributedS, unscaledS } = totals() ?? totalsWithoutLedger()
      set(this, processS)
      set(attributed, requestsS)
      set(unscaled, unscaledS)
      for (const [bucket, seconds] of Object.entries(unattributedS)) set(unattributed, seconds, { bucket })
    },
  })
  const attributed = new Counter({
    name: counterName(metricNames.attributedCpu),
    help: 'CPU charged to requests.',
    registers,
  })
  const unattributed = new Counter({
    name: counterName(metricNames.unattributedCpu),
    help: 'CPU that belongs to no request, by what it was for.',
    labelNames: ['bucket'],
    registers,
  })
  const unscaled = new Counter({
    name: counterName(metricNames.unscaledCpu),
    help: 'The ledger’s slices before they are scaled to the CPU clock.',
    registers,
  })
}

function totalsWithoutLedger(): CpuTotals {
  const { user, system } = process.cpuUsage()
  const processS = (user + system) / 1e6
  return { processS, requestsS: 0, unattributedS: { rest: processS }, unscaledS: 0 }
}

/** Sets a counter to a total that is kept elsewhere. */
export function set(counter: Counter, value: number, labels: Record<string, string> = {}): void {
  counter.remove(labels)
  counter.inc(labels, value)
}
