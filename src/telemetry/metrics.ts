import { Counter, Gauge, type OpenMetricsContentType, Registry } from 'prom-client'
import { buckets as cpuBuckets, type Ledger } from './cpu-ledger.ts'
import { batchRowBuckets, cpuBucketsS, latencyBucketsS, metricNames } from './metric-names.ts'
import { SeriesCounter } from './series-counter.ts'
import { SeriesHistogram } from './series-histogram.ts'

/** The metrics that code observes as things happen; `runtime-metrics.ts` adds those read by the clock. */
export type Metrics = ReturnType<typeof createMetrics>

/** @param ledger gives the CPU totals, read at each scrape so that they agree with each other. */
export function createMetrics(ledger: Ledger) {
  const registry = createRegistry()
  const registers = [registry]
  registerCpuTotals(registers, ledger)
  return {
    registry,
    requestDuration: new SeriesHistogram({
      name: metricNames.requestDuration,
      help: 'Time from the request line to the end of the answer.',
      labelNames: ['http_request_method', 'http_route', 'http_response_status_code', 'error_type'],
      buckets: latencyBucketsS,
      registry,
    }),
    requestCpu: new SeriesHistogram({
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
    insertRows: new SeriesCounter({
      name: metricNames.insertRows,
      help: 'Rows committed.',
      labelNames: ['insert_strategy'],
      registry,
    }),
    insertBatchRows: new SeriesHistogram({
      name: metricNames.insertBatchRows,
      help: 'Rows in one batch: it grows with the load, and the cost of a row falls with it.',
      labelNames: ['db_collection_name'],
      buckets: batchRowBuckets,
      registry,
    }),
    queryDuration: new SeriesHistogram({
      name: metricNames.queryDuration,
      help: 'Time from sending a statement to its result, as the client sees it.',
      labelNames: ['db_operation_name', 'error_type'],
      buckets: latencyBucketsS,
      registry,
    }),
    connectionWait: new SeriesHistogram({
      name: metricNames.connectionWait,
      help: 'Time a request waited for a connection.',
      labelNames: [],
      buckets: latencyBucketsS,
      registry,
    }).series(),
    connectionUse: new SeriesHistogram({
      name: metricNames.connectionUse,
      help: 'Time a connection was held.',
      labelNames: [],
      buckets: latencyBucketsS,
      registry,
    }).series(),
    connectionTimeouts: new Counter({
      name: counterName(metricNames.connectionTimeouts),
      help: 'Requests that gave up waiting for a connection.',
      registers,
    }),
  }
}

/** A gauge whose value is read at each scrape, so that keeping it current costs a request nothing. */
export function registerGauge({ registry }: Metrics, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read())
    },
  })
}

/** What a connection pool has open and who waits for it. */
export interface PoolCounts {
  readonly max: number
  readonly idle: number
  readonly used: number
  readonly pending: number
}

export function registerPool(metrics: Metrics, read: () => PoolCounts): void {
  new Gauge({
    name: metricNames.connectionCount,
    help: 'Open connections, idle and used.',
    labelNames: ['db_client_connection_state'],
    registers: [metrics.registry],
    collect() {
      const { idle, used } = read()
      this.set({ db_client_connection_state: 'idle' }, idle)
      this.set({ db_client_connection_state: 'used' }, used)
    },
  })
  registerGauge(metrics, metricNames.connectionMax, 'Connections that the pool may open.', () => read().max)
  registerGauge(
    metrics,
    metricNames.connectionPending,
    'Requests waiting for a connection.',
    () => read().pending,
  )
}

/** The registry of `TELEMETRY=ledger` and `off`: CPU totals, nothing of requests. */
export function createTotalsRegistry(ledger: Ledger): OpenMetricsRegistry {
  const registry = createRegistry()
  registerCpuTotals([registry], ledger)
  return registry
}

/** OpenMetrics, because only there can a bucket carry an exemplar. */
export type OpenMetricsRegistry = Registry<OpenMetricsContentType>

function createRegistry(): OpenMetricsRegistry {
  const registry = new Registry<OpenMetricsContentType>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  return registry
}

function registerCpuTotals(registers: OpenMetricsRegistry[], ledger: Ledger): void {
  // First in the registry, so that its `collect` has set the others before they are printed.
  new Counter({
    name: counterName(metricNames.processCpu),
    help: 'CPU of the whole process, all threads.',
    registers,
    collect() {
      const totals = ledger.totals()
      set(this, totals.processMs / 1000)
      set(attributed, totals.attributedMs / 1000)
      set(unscaled, totals.unscaledMs / 1000)
      for (const bucket of cpuBuckets) set(unattributed, totals.unattributedMs[bucket] / 1000, { bucket })
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

/** A counter that mirrors a total kept elsewhere. */
export function set(counter: Counter, value: number, labels: Record<string, string> = {}): void {
  counter.remove(labels)
  counter.inc(labels, value)
}

/** prom-client adds the `_total` itself when it prints OpenMetrics. */
export function counterName(name: string): string {
  return name.replace(/_total$/, '')
}
