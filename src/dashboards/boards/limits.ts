import { metricNames } from '../../telemetry/metric-names.ts'
import { board } from '../board.ts'
import { k6Metrics, postgresMetrics, recordedMetrics } from '../foreign-metrics.ts'
import { bars, stat, timeSeries } from '../panel.ts'
import { filters, orNone, quantile, rate, requestRate } from '../promql.ts'

const { instance, recorded } = filters
const fullest = `max by (resource) (${recordedMetrics.utilisation}{${recorded}})`
const here = 'datname="insertlab"'

/** One row a resource, each as utilisation, saturation, errors: what is full, who waits for it, who was refused. */
export const limits = board({
  name: 'limits',
  title: 'What limits us?',
  description:
    'Which resource would fill first, and at what throughput; below, each resource by utilisation, saturation and errors.',
  variables: ['instance'],
  rows: [
    {
      title: 'The verdict now',
      panels: [
        stat({
          title: 'Which resource is fullest?',
          description:
            'The resource with the highest utilisation in the last minute. Below 70 % nothing in here limits you: look at the load (is k6 asked for more than it sends?), at PostgreSQL, and at waits outside. Above 90 % it is the limit: turn its knob one step and see whether throughput moves.',
          unit: 'percentunit',
          span: 8,
          height: 8,
          named: true,
          warnAt: 0.7,
          limitAt: 0.9,
          queries: [{ expr: `topk(1, ${fullest})`, legend: '{{resource}}', instant: true }],
        }),
        bars({
          title: 'How full is each resource?',
          description:
            'Utilisation in the last minute, the fullest worker for each. api_thread is the time the event loop was not idle; connection_pool the connections in use on average; heap the memory before V8 gives up.',
          unit: 'percentunit',
          span: 8,
          max: 1,
          warnAt: 0.7,
          limitAt: 0.9,
          queries: [{ expr: fullest, legend: '{{resource}}', instant: true }],
        }),
        timeSeries({
          title: 'How far is each ceiling?',
          description:
            'Throughput now, and the throughput at which each resource would be full if a request goes on to need as much of it (X / U). The lowest ceiling above "now" is the limit to come. For the batched strategy it rises as you approach it, because batches fill: read "at least". Under light load fixed costs make ceilings look lower than they are.',
          unit: 'reqps',
          span: 8,
          queries: [
            { expr: `sum(${recordedMetrics.throughput}{${recorded}})`, legend: 'now' },
            {
              expr: `sum by (resource) (${recordedMetrics.ceiling}{${recorded}})`,
              legend: 'ceiling of {{resource}}',
            },
          ],
        }),
        timeSeries({
          title: 'What does one request take of each resource?',
          description:
            'Service demand (utilisation / throughput): the time for which an average request occupies the thread, and its share of the pool. One divided by it is the ceiling above. A demand that rises with load means that requests get in each other’s way; one that falls, that they share work (batches).',
          unit: 's',
          span: 8,
          queries: [
            { expr: `avg by (resource) (${recordedMetrics.demand}{${recorded}})`, legend: '{{resource}}' },
          ],
        }),
        timeSeries({
          title: 'How long does work wait for each resource?',
          description:
            'Saturation: the typical wait, of the worker where it is longest. Full and waited for is a limit; full without a wait is a resource well used. A wait for the thread delays every request, a wait for the pool only those that need a connection.',
          unit: 's',
          span: 8,
          queries: [
            {
              expr: `max by (resource) (${recordedMetrics.saturation}{${recorded}})`,
              legend: '{{resource}}',
            },
          ],
        }),
        timeSeries({
          title: 'What share of the requests fails?',
          description:
            'Server errors (5xx, refusals with 503 among them) in the last minute, by worker. The objective is 0.1 %: the alerts on it compare longer windows.',
          unit: 'percentunit',
          span: 8,
          warnAt: 0.0005,
          limitAt: 0.001,
          queries: [{ expr: `${recordedMetrics.errors}{${recorded}}`, legend: '{{instance}}' }],
        }),
      ],
    },
    {
      title: 'The API thread',
      panels: [
        timeSeries({
          title: 'How busy is the event loop?',
          description:
            'Share of time in which the event loop was not idle, by worker. At 100 % the one JavaScript thread is full, even if the machine has idle cores: add workers, or make a request cheaper.',
          unit: 'percentunit',
          span: 8,
          max: 1,
          warnAt: 0.7,
          limitAt: 0.9,
          queries: [{ expr: `${metricNames.eventLoopUtilization}{${instance}}`, legend: '{{instance}}' }],
        }),
        timeSeries({
          title: 'How long does ready work wait for the thread?',
          description:
            'How late timers ran, 99th percentile. It rises when single callbacks run long, or the machine gives the process too little CPU. Every request waits at least that long somewhere.',
          unit: 's',
          span: 8,
          queries: [
            {
              expr: `${metricNames.eventLoopDelay}{${instance},quantile="0.99"}`,
              legend: '{{instance}}',
            },
          ],
        }),
        timeSeries({
          title: 'How many requests are refused or fail?',
          description:
            'Server errors by status, and requests refused early (503 with Retry-After) by reason. Refusing is right when the alternative is to run out of memory; it is also the sign that the service is asked for more than it can do.',
          unit: 'reqps',
          span: 8,
          queries: [
            {
              expr: orNone(
                rate(`${metricNames.requestDuration}_count`, `${instance},http_response_status_code=~"5.."`, [
                  'http_response_status_code',
                ]),
                'http_response_status_code',
              ),
              legend: 'answered {{http_response_status_code}}',
            },
            {
              expr: orNone(rate(metricNames.requestsRejected, instance, ['reason']), 'reason'),
              legend: 'refused, {{reason}}',
            },
          ],
        }),
      ],
    },
    {
      title: 'The connection pool',
      panels: [
        timeSeries({
          title: 'How many connections are in use?',
          description:
            'Connections by state, of all workers chosen above, and the most that the pools may open. Used at the maximum is a limit only if requests wait as well (next panel).',
          unit: 'short',
          span: 8,
          queries: [
            {
              expr: `sum by (db_client_connection_state) (${metricNames.connectionCount}{${instance}})`,
              legend: '{{db_client_connection_state}}',
            },
            { expr: `sum(${metricNames.connectionMax}{${instance}})`, legend: 'maximum' },
          ],
        }),
        timeSeries({
          title: 'How long do requests wait for a connection?',
          description:
            'Wait for a connection, median and 99th percentile. A wait while PostgreSQL is idle asks for a larger POOL_SIZE; a wait while it is busy only moves to the database if the pool grows.',
          unit: 's',
          span: 8,
          queries: [
            { expr: quantile(0.5, metricNames.connectionWait, instance), legend: 'p50' },
            { expr: quantile(0.99, metricNames.connectionWait, instance), legend: 'p99' },
          ],
        }),
        timeSeries({
          title: 'Who gave up waiting for a connection?',
          description:
            'Requests per second that waited in vain, and requests waiting at this moment. Any timeout is an outage for somebody.',
          unit: 'short',
          span: 8,
          queries: [
            { expr: rate(metricNames.connectionTimeouts, instance), legend: 'timeouts per second' },
            { expr: `sum(${metricNames.connectionPending}{${instance}})`, legend: 'waiting now' },
          ],
        }),
      ],
    },
    {
      title: 'PostgreSQL',
      panels: [
        timeSeries({
          title: 'How many sessions does PostgreSQL work for?',
          description:
            'Sessions active on average (seconds of work per second), and connections open against max_connections. Active near the number of cores means that the database is the busy one. At max_connections the next connect fails with "too many clients already": keep the sum of all pools below it.',
          unit: 'short',
          span: 8,
          queries: [
            { expr: `sum(rate(${postgresMetrics.activeTime}{${here}}[$__rate_interval]))`, legend: 'active' },
            { expr: `sum(${postgresMetrics.backends})`, legend: 'connected' },
            { expr: `max(${postgresMetrics.maxConnections})`, legend: 'max_connections' },
          ],
        }),
        timeSeries({
          title: 'What do active sessions wait for?',
          description:
            'Sessions in a transaction by wait event type, at the moment of the scrape. IO and LWLock with WAL in their name point to the commit (fsync); Lock means that transactions block each other; Client means that PostgreSQL waits for the service. None at all: it runs on the CPU.',
          unit: 'short',
          span: 8,
          stacked: true,
          queries: [
            {
              expr: `sum by (wait_event_type) (${postgresMetrics.activityCount}{${here},state=~"active|idle in transaction.*"})`,
              legend: '{{wait_event_type}}',
            },
          ],
        }),
        timeSeries({
          title: 'Which transactions fail?',
          description:
            'Rollbacks and deadlocks per second. A few rollbacks are refused rows (bad requests); many, or any deadlock, are worth the log.',
          unit: 'ops',
          span: 8,
          queries: [
            {
              expr: `sum(rate(${postgresMetrics.rollbacks}{${here}}[$__rate_interval]))`,
              legend: 'rollbacks',
            },
            {
              expr: `sum(rate(${postgresMetrics.deadlocks}{${here}}[$__rate_interval]))`,
              legend: 'deadlocks',
            },
          ],
        }),
      ],
    },
    {
      title: 'The load generator',
      panels: [
        timeSeries({
          title: 'Does k6 send what it was asked for?',
          description:
            'Iterations that k6 could not start in time. Above zero the generator is guilty until proven innocent: its users were all waiting (MAX_VUS), or it lacked CPU. What was measured is then "at least".',
          unit: 'ops',
          span: 12,
          queries: [
            {
              expr: recordedMetrics.dropped,
              legend: 'dropped, {{testid}}',
            },
          ],
        }),
        timeSeries({
          title: 'Do client and service see the same throughput?',
          description:
            'Requests per second that k6 sent, and that the service answered. They differ by what other clients send (and for the few seconds that the two are pushed and scraped apart). k6 above the service: requests get lost on the way.',
          unit: 'reqps',
          span: 12,
          queries: [
            { expr: `sum(rate(${k6Metrics.requests}[$__rate_interval]))`, legend: 'sent by k6' },
            { expr: requestRate(instance), legend: 'answered by the service' },
          ],
        }),
      ],
    },
  ],
})
