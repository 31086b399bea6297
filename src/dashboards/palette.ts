/**
 * One colour for one meaning, on every board: a reader who has learnt that green is `batched` need not learn it again.
 * A series that is named after a label's value (a strategy, a layer, a resource) takes its colour from the label's
 * group. Names that nobody can list in advance (workers, load tests, statements) take theirs from the name, by
 * Grafana's own rule, so they too stay the same everywhere.
 */

/** A constant that data is compared with: drawn dashed, so that it reads as a limit and not as a measurement. */
export const limitColor = '#8e8e8e'

/** What is good, what to watch, and what is at its limit. */
export const stateColors = { good: 'green', warning: 'orange', limit: 'red' } as const

const groups = {
  insert_strategy: { batched: 'green', prepared: 'blue', single: 'orange', copy: 'purple' },
  reading: { 'the ledger': 'green', 'the usual reading': 'orange' },
  bucket: {
    'own work': 'green',
    http: 'blue',
    sockets: 'purple',
    telemetry: 'orange',
    helper_threads: 'yellow',
    after_response: 'light-blue',
    startup: 'red',
    rest: '#a0a0a0',
  },
  percentile: {
    mean: 'blue',
    p50: 'green',
    p90: 'light-yellow',
    p95: 'yellow',
    p99: 'orange',
    max: 'red',
  },
  resource: {
    api_thread: 'green',
    connection_pool: 'blue',
    host_cpu: 'orange',
    postgres_cpu: 'purple',
    disk: 'yellow',
  },
  db_operation_name: {
    INSERT: 'green',
    SELECT: 'blue',
    UPDATE: 'yellow',
    DELETE: 'orange',
    COPY: 'purple',
    BEGIN: 'light-blue',
    COMMIT: 'light-purple',
    ROLLBACK: 'red',
    SHOW: 'light-green',
  },
  db_client_connection_state: { used: 'orange', idle: 'green' },
  v8js_gc_type: { minor: 'green', incremental: 'blue', weakcb: 'purple', major: 'orange' },
  wait_event_type: {
    IO: 'yellow',
    LWLock: 'purple',
    Lock: 'red',
    Client: 'blue',
    IPC: 'light-blue',
    Timeout: 'orange',
    'on the CPU': 'green',
  },
  database: {
    'rows inserted': 'green',
    commits: 'blue',
    rollbacks: 'orange',
    deadlocks: 'red',
    'active sessions': 'orange',
    'open connections': 'green',
    'hit ratio': 'green',
    'WAL on disk': 'blue',
    'by time': 'green',
    requested: 'orange',
    writing: 'blue',
  },
  side: {
    'client, p50': 'light-orange',
    'client, p99': 'dark-orange',
    'service, p50': 'light-blue',
    'service, p99': 'dark-blue',
    'sent by k6': 'orange',
    'answered by the service': 'blue',
    now: 'text',
  },
  groupname: { postgres: 'purple', node: 'blue', k6: 'orange', others: '#a0a0a0' },
  waiting: { 'waiting now': 'blue', 'gave up, per second': 'red' },
  books: { 'ledger / CPU clock': 'green', 'unscaled slices / CPU clock': 'orange' },
} as const satisfies Record<string, Record<string, string>>

/** The colour of each series name that has a meaning of its own. */
export const colorOf: ReadonlyMap<string, string> = new Map(
  Object.values(groups).flatMap(group => Object.entries(group)),
)

const byLabel = new Map<string, Record<string, string>>(Object.entries(groups))

/**
 * Names and colours of the series that a legend can produce: the legend itself if it is fixed, the values of the label
 * if it is `{{label}}`. Empty if the names cannot be known in advance.
 */
export function colorsFor(legend: string): [name: string, color: string][] {
  const [, label] = /^\{\{(\w+)\}\}$/.exec(legend) ?? []
  if (label !== undefined) return Object.entries(byLabel.get(label) ?? {})
  const color = colorOf.get(legend)
  return color === undefined ? [] : [[legend, color]]
}
