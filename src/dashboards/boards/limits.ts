import { metricNames } from '../../telemetry/metric-names.ts'
import { board } from '../board.ts'
import { k6Metrics, postgresMetrics, recordedMetrics } from '../foreign-metrics.ts'
import { bars, stat, timeSeries } from '../panel.ts'
import { filters, orNone, quantile, rate, requestRate } from '../promql.ts'

const { service, instance, recorded } = filters
const fullest = `max by (resource) (${recordedMetrics.utilisation}{${recorded}})`
const ofTheMachine = 'resource=~"host_cpu|postgres_cpu|disk"'
const here = 'datname="insertlab"'

/** One row per resource, each with utilisation, saturation and errors: what is full, who waits, who was refused. */
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
          title: 'Fullest resource',
          description:
            'The resource with the highest utilisation in the last minute. Below 70 % no resource shown here limits you: look at the load (is k6 asked for more than it sends?) and at waits outside. Above 90 % it is the limit: change its setting one step and see whether throughput moves. If it is host_cpu, all programs of this machine limit each other.',
          unit: 'percentunit',
          span: 5,
          height: 10,
          decimals: 0,
          shows: 'both',
          warnAt: 0.7,
          limitAt: 0.9,
          queries: [{ expr: `topk(1, ${fullest})`, legend: '{{resource}}' }],
        }),
        bars({
          title: 'How full is each resource?',
          description:
            'Utilisation in the last minute, the fullest worker for each. api_thread is the time for which the event loop was not idle, connection_pool the connections in use on average, host_cpu the cores of the machine, postgres_cpu the share of them that PostgreSQL uses, disk the time for which the busiest disk had work.',
          unit: 'percentunit',
          span: 9,
          height: 10,
          decimals: 0,
          max: 1,
          warnAt: 0.7,
          limitAt: 0.9,
          queries: [{ expr: `sort_desc(${fullest})`, legend: '{{resource}}' }],
        }),
        timeSeries({
          title: 'How far is each ceiling?',
          description:
            'Throughput now, and the throughput at which each resource would be full if a request still needs as much of it and each worker keeps its share of the load (X / U, with U of the fullest worker). Only resources that are more than a fifth full have one: below that, fixed costs make ceilings look lower than they are. The lowest ceiling above "now" is the next limit. For the batched strategy it rises as you approach it, because batches fill: read "at least".',
          unit: 'reqps',
          span: 10,
          height: 10,
          scale: 'log',
          queries: [
            { expr: `sum(${recordedMetrics.throughput}{${recorded}}) > 0`, legend: 'now' },
            { expr: `sum by (resource) (${recordedMetrics.ceiling}{${recorded}})`, legend: '{{resource}}' },
          ],
        }),
        timeSeries({
          title: 'How much does a request take?',
          description:
            'Service demand (utilisation / throughput): the time for which an average request occupies the resource. One divided by it is the ceiling of one worker, or of the machine. If the demand rises with load, requests disturb each other. If it falls, they share work (batches).',
          unit: 's',
          span: 8,
          height: 11,
          scale: 'log',
          queries: [
            {
              expr: `avg by (resource) (${recordedMetrics.demand}{${recorded}}) > 0`,
              legend: '{{resource}}',
            },
          ],
        }),
        timeSeries({
          title: 'How long does work wait?',
          description:
            'Saturation: the typical wait, of the worker where it is longest; for the disk the time of one read or write, its work included. A full resource with a long wait is a limit. A full resource without a wait is well used. A wait for the thread delays every request, a wait for the pool only those that need a connection.',
          unit: 's',
          span: 8,
          height: 11,
          queries: [
            {
              expr: `max by (resource) (${recordedMetrics.saturation}{${recorded}})`,
              legend: '{{resource}}',
            },
          ],
        }),
        timeSeries({
          title: 'How many requests fail?',
          description:
            'Server errors (5xx, refusals with 503 among them) in the last minute, by worker, without probes (/livez, /readyz). The objective is 0.1 %: the alerts on it compare longer windows.',
          unit: 'percentunit',
          span: 8,
          height: 11,
          warnAt: 0.0005,
          limitAt: 0.001,
          queries: [{ expr: `${recordedMetrics.errors}{${recorded}}`, legend: '{{instance}}' }],
        }),
      ],
    },
    {
      title: 'The machine',
      ignores: ['instance'],
      panels: [
        timeSeries({
          title: 'How full is the machine?',
          description:
            'Utilisation of what all programs of this machine share. At 100 % of host_cpu nothing here can go faster, and every other resource may look free: move the load generator or PostgreSQL to another machine before you judge the service.',
          unit: 'percentunit',
          span: 8,
          height: 11,
          max: 1,
          warnAt: 0.7,
          limitAt: 0.9,
          queries: [{ expr: `${recordedMetrics.utilisation}{${ofTheMachine}}`, legend: '{{resource}}' }],
        }),
        timeSeries({
          title: 'Who uses its CPU?',
          description:
            'Cores in use by program, and the cores that there are. "node" is every Node program, the service among them; "others" are the programs without a name in prometheus/processes.yml and the kernel. A load generator that uses as much as the service takes half of what is measured away.',
          unit: 'cores',
          span: 8,
          height: 11,
          stacked: true,
          queries: [
            { expr: recordedMetrics.programCores, legend: '{{groupname}}' },
            {
              expr: `clamp_min(${recordedMetrics.machineCores} - sum(${recordedMetrics.programCores}), 0)`,
              legend: 'others',
            },
            { expr: recordedMetrics.machineSize, legend: 'all cores', isLimit: true },
          ],
        }),
        timeSeries({
          title: 'Do programs wait for it?',
          description:
            'Share of time in which at least one task was ready but had no core (host_cpu), or waited for the disk (disk). Linux calls it pressure. If the line rises while the machine is full, latencies contain waits that no program can see.',
          unit: 'percentunit',
          span: 8,
          height: 11,
          max: 1,
          emptyMeans: 'This kernel does not report pressure',
          queries: [{ expr: recordedMetrics.pressure, legend: '{{resource}}' }],
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
          title: 'How long does ready work wait?',
          description:
            'How late timers ran, 99th percentile. It rises when single callbacks run long, or when the machine gives the process too little CPU. Every request waits at least that long somewhere.',
          unit: 's',
          span: 8,
          queries: [
            { expr: `${metricNames.eventLoopDelay}{${instance},quantile="0.99"}`, legend: '{{instance}}' },
          ],
        }),
        timeSeries({
          title: 'Requests refused or failed?',
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
          title: 'Connections in use?',
          description:
            'Connections by state, of all workers chosen above, and the most that the pools may open (dashed). Used at the maximum is a limit only if requests wait as well (next panel).',
          unit: 'short',
          span: 8,
          queries: [
            {
              expr: `sum by (db_client_connection_state) (${metricNames.connectionCount}{${instance}})`,
              legend: '{{db_client_connection_state}}',
            },
            {
              expr: `sum(${metricNames.connectionMax}{${instance}})`,
              legend: 'most that may be open',
              isLimit: true,
            },
          ],
        }),
        timeSeries({
          title: 'How long do requests wait?',
          description:
            'Wait for a connection, median and 99th percentile. If requests wait while PostgreSQL is idle, raise POOL_SIZE. If they wait while it is busy, a larger pool only moves the wait to the database.',
          unit: 's',
          span: 8,
          queries: [
            { expr: quantile(0.5, metricNames.connectionWait, instance), legend: 'p50' },
            { expr: quantile(0.99, metricNames.connectionWait, instance), legend: 'p99' },
          ],
        }),
        timeSeries({
          title: 'Who gave up waiting?',
          description:
            'Requests per second that gave up waiting, and requests waiting at this moment. Each timeout is an error for a client.',
          unit: 'short',
          span: 8,
          queries: [
            { expr: rate(metricNames.connectionTimeouts, instance), legend: 'gave up, per second' },
            { expr: `sum(${metricNames.connectionPending}{${instance}})`, legend: 'waiting now' },
          ],
        }),
      ],
    },
    {
      title: 'PostgreSQL',
      ignores: ['instance'],
      panels: [
        timeSeries({
          title: 'How many sessions are there?',
          description:
            'Sessions active on average (seconds of work per second), connections open, and max_connections (dashed), on a logarithmic axis. If active sessions are near the number of cores, the database is busy. At max_connections the next connect fails with "too many clients already": keep the sum of all pools below it.',
          unit: 'short',
          span: 8,
          scale: 'symlog',
          queries: [
            {
              expr: `sum(rate(${postgresMetrics.activeTime}{${here}}[$__rate_interval]))`,
              legend: 'active sessions',
            },
            { expr: `sum(${postgresMetrics.backends})`, legend: 'open connections' },
            { expr: `max(${postgresMetrics.maxConnections})`, legend: 'max_connections', isLimit: true },
          ],
        }),
        timeSeries({
          title: 'What do sessions wait for?',
          description:
            'Sessions in a transaction by wait event type, at the moment of the scrape. IO and LWLock with WAL in their name point to the commit (fsync); Lock means that transactions block each other; Client means that PostgreSQL waits for the service. Where no wait is named, the session runs on the CPU.',
          unit: 'short',
          span: 8,
          stacked: true,
          queries: [
            {
              expr: `label_replace(sum by (wait_event_type) (${postgresMetrics.activityCount}{${here},state=~"active|idle in transaction.*"}), "wait_event_type", "on the CPU", "wait_event_type", "")`,
              legend: '{{wait_event_type}}',
            },
          ],
        }),
        timeSeries({
          title: 'Which transactions fail?',
          description:
            'Rollbacks and deadlocks per second. A few rollbacks are refused rows (bad requests). For many rollbacks, or any deadlock, read the log of PostgreSQL.',
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
      ignores: ['instance'],
      panels: [
        timeSeries({
          title: 'Does k6 send what it was asked for?',
          description:
            'Iterations that k6 could not start in time, by load test. Above zero, suspect the generator first: all its users were waiting (MAX_VUS), or it had too little CPU. Read the measured throughput as "at least".',
          unit: 'ops',
          span: 12,
          queries: [{ expr: recordedMetrics.dropped, legend: '{{testid}}' }],
        }),
        timeSeries({
          title: 'Do client and service see the same throughput?',
          description:
            'Requests per second that k6 sent, and that the service answered. They differ by what other clients send, and for a few seconds, because the two figures arrive at different times. If k6 is above the service, requests get lost on the way.',
          unit: 'reqps',
          span: 12,
          queries: [
            { expr: `sum(rate(${k6Metrics.requests}[$__rate_interval]))`, legend: 'sent by k6' },
            { expr: requestRate(service), legend: 'answered by the service' },
          ],
        }),
      ],
    },
  ],
})
