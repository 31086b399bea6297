/**
 * Every metric the service exports: the one place that code, dashboards, rules and their tests read.
 * Names follow the OpenTelemetry semantic conventions in their Prometheus form where a convention exists;
 * the rest are ours. Counters carry the `_total` that OpenMetrics adds.
 */
export const metricNames = {
  requestDuration: 'http_server_request_duration_seconds',
  requestCpu: 'http_server_request_cpu_seconds',
  activeRequests: 'http_server_active_requests',
  requestsRejected: 'requests_rejected_total',

  processCpu: 'process_cpu_seconds_total',
  attributedCpu: 'process_cpu_attributed_seconds_total',
  unattributedCpu: 'process_cpu_unattributed_seconds_total',
  unscaledCpu: 'cpu_ledger_unscaled_seconds_total',

  insertRows: 'insert_rows_total',
  insertBatchRows: 'insert_batch_rows',
  insertQueueDepth: 'insert_queue_depth',

  queryDuration: 'db_client_operation_duration_seconds',
  connectionCount: 'db_client_connection_count',
  connectionMax: 'db_client_connection_max',
  connectionPending: 'db_client_connection_pending_requests',
  connectionWait: 'db_client_connection_wait_time_seconds',
  connectionUse: 'db_client_connection_use_time_seconds',
  connectionTimeouts: 'db_client_connection_timeouts_total',

  eventLoopUtilization: 'nodejs_eventloop_utilization',
  eventLoopTime: 'nodejs_eventloop_time_seconds_total',
  eventLoopDelay: 'nodejs_eventloop_delay_seconds',
  gcDuration: 'v8js_gc_duration_seconds',
  heapUsed: 'v8js_memory_heap_used_bytes',
  heapLimit: 'v8_heap_size_limit_bytes',
  residentMemory: 'process_resident_memory_bytes',
  throttledTime: 'container_cpu_throttled_seconds_total',
  throttledPeriods: 'container_cpu_throttled_periods_total',
  spansDropped: 'otel_spans_dropped_total',
} as const

/**
 * Upper bounds in seconds. CPU begins at 5 us and latency at 250 us, because the conventional floor of
 * 5 ms would put every request of this service in one bucket.
 */
export const cpuBucketsS = [
  5e-6, 10e-6, 15e-6, 20e-6, 30e-6, 40e-6, 50e-6, 75e-6, 100e-6, 150e-6, 200e-6, 300e-6, 500e-6, 1e-3, 2e-3,
  5e-3, 10e-3, 50e-3, 0.25, 1,
]
export const latencyBucketsS = [
  250e-6, 500e-6, 750e-6, 1e-3, 1.5e-3, 2e-3, 3e-3, 4e-3, 5e-3, 7.5e-3, 10e-3, 15e-3, 20e-3, 30e-3, 50e-3,
  75e-3, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10,
]
export const gcBucketsS = [100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 0.1]
export const batchRowBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 2000, 5000]
