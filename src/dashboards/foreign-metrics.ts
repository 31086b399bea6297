/**
 * The metrics that panels and rules read but the service does not export. Together with the service's own
 * (`src/telemetry/metric-names.ts`) these are all the names that may occur in a query.
 */

/** Pushed by k6 by remote write. Durations are native histograms (`K6_PROMETHEUS_RW_TREND_AS_NATIVE_HISTOGRAM`). */
export const k6Metrics = {
  requests: 'k6_http_reqs_total',
  requestDuration: 'k6_http_req_duration_seconds',
  checksRate: 'k6_checks_rate',
  iterations: 'k6_iterations_total',
  droppedIterations: 'k6_dropped_iterations_total',
  cpuReadings: 'k6_insert_cpu_readings_total',
  cpuByLedger: 'k6_insert_cpu_ledger_seconds_total',
  cpuByProcess: 'k6_insert_cpu_naive_seconds_total',
  vus: 'k6_vus',
  vusMax: 'k6_vus_max',
} as const

/** From node_exporter: the machine that all of this shares. */
export const hostMetrics = {
  cpu: 'node_cpu_seconds_total',
  cpuPressure: 'node_pressure_cpu_waiting_seconds_total',
  diskPressure: 'node_pressure_io_waiting_seconds_total',
  diskBusy: 'node_disk_io_time_seconds_total',
  diskReads: 'node_disk_reads_completed_total',
  diskWrites: 'node_disk_writes_completed_total',
  diskReadTime: 'node_disk_read_time_seconds_total',
  diskWriteTime: 'node_disk_write_time_seconds_total',
} as const

/** From process-exporter, by the name that prometheus/processes.yml gives a group of processes. */
export const processMetrics = { cpu: 'namedprocess_namegroup_cpu_seconds_total' } as const

/** Made by Prometheus itself: for every target, and for every alert that is pending or firing. */
export const scrapeMetrics = { up: 'up', alerts: 'ALERTS' } as const

/** From postgres-exporter 0.20 on PostgreSQL 18, with the collectors that compose.yaml turns on. */
export const postgresMetrics = {
  activityCount: 'pg_stat_activity_count',
  maxConnections: 'pg_settings_max_connections',
  backends: 'pg_stat_database_numbackends',
  activeTime: 'pg_stat_database_active_time_seconds_total',
  commits: 'pg_stat_database_xact_commit',
  rollbacks: 'pg_stat_database_xact_rollback',
  deadlocks: 'pg_stat_database_deadlocks',
  rowsInserted: 'pg_stat_database_tup_inserted',
  blocksHit: 'pg_stat_database_blks_hit',
  blocksRead: 'pg_stat_database_blks_read',
  walSize: 'pg_wal_size_bytes',
  checkpointsTimed: 'pg_stat_checkpointer_num_timed_total',
  checkpointsRequested: 'pg_stat_checkpointer_num_requested_total',
  checkpointWriteMs: 'pg_stat_checkpointer_write_time_total',
  checkpointSyncMs: 'pg_stat_checkpointer_sync_time_total',
  statementCalls: 'pg_stat_statements_calls_total',
  statementSeconds: 'pg_stat_statements_seconds_total',
  statementText: 'pg_stat_statements_query_id',
} as const

/** Recorded by prometheus/rules, which says how each is made. */
export const recordedMetrics = {
  utilisation: 'resource:utilisation:ratio1m',
  saturation: 'resource:saturation:seconds1m',
  pressure: 'resource:pressure:ratio1m',
  demand: 'resource:service_demand:seconds1m',
  ceiling: 'resource:throughput_ceiling:rate1m',
  throughput: 'instance:http_server_requests:rate1m',
  errors: 'instance:http_server_request_errors:ratio1m',
  machineCores: 'machine:cpu_busy:cores1m',
  machineSize: 'machine:cpu:cores',
  programCores: 'program:cpu_busy:cores1m',
  dropped: 'testid:k6_dropped_iterations:rate30s',
} as const
