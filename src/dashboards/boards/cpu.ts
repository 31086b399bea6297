import { metricNames } from '../../telemetry/metric-names.ts'
import { board } from '../board.ts'
import { flameGraph } from '../flame-graph.ts'
import { k6Metrics, recordedMetrics } from '../foreign-metrics.ts'
import { stateColors } from '../palette.ts'
import { bars, heatmap, stat, timeSeries } from '../panel.ts'
import { buckets, filters, mean, orNone, quantile, rate, ratio, requestRate } from '../promql.ts'
import { scatter } from '../scatter.ts'
import { trends } from '../tables.ts'

const { service, instance, strategy } = filters
const anInsert = `${service},insert_strategy!=""`
const byStrategy = ['insert_strategy']
const cpuPerRow = (labels: readonly string[]) =>
  ratio(
    rate(`${metricNames.requestCpu}_sum`, anInsert, labels),
    rate(metricNames.insertRows, anInsert, labels),
  )
const inRange = (counter: string) => `sum by (insert_strategy) (increase(${counter}{${anInsert}}[$__range]))`

const reading = (counter: string) => `sum(rate(${counter}[$__rate_interval]))`
const cpuReading = (counter: string) => ratio(reading(counter), reading(k6Metrics.cpuReadings))

/** CPU of the process by layer: the requests' own work, and the buckets of the ledger for work that they share. */
const ownWork = `label_replace(${rate(metricNames.attributedCpu, service)}, "bucket", "own work", "", "")`
const shared = rate(metricNames.unattributedCpu, service, ['bucket'])
/** Below one request a second, timers and scrapes are most of the CPU, and they belong to no request. */
const perRequest = (layers: string) => ratio(layers, `${requestRate(service)} >= 1`, 'on () group_left ()')

/** Ids of the load tests in the time range, with the time of their last figure; the background is not a test. */
const lastSeen = `max by (testid) (max_over_time(timestamp(${k6Metrics.vus}{testid!="background"})[$__range:5s]))`

/** The project's first question: what one insert costs the service, and what that cost is made of. */
export const cpu = board({
  name: 'cpu',
  title: 'Where does the CPU of an insert go?',
  description:
    'CPU per request and per insert, by route, strategy and layer, from the per-request CPU ledger.',
  variables: ['instance', 'route', 'strategy'],
  rows: [
    {
      title: 'The answer',
      ignores: ['instance', 'route', 'strategy'],
      panels: [
        stat({
          title: 'One insert costs',
          description:
            'CPU of the service for one inserted row, now: the own work of the requests that inserted, divided by their rows. What a request costs beyond its own work is shown below, by layer.',
          unit: 's',
          height: 5,
          span: 5,
          decimals: 0,
          emptyMeans: 'No inserts now',
          color: stateColors.good,
          queries: [{ expr: cpuPerRow([]), legend: 'CPU per row' }],
        }),
        stat({
          title: 'Usual reading',
          description:
            'CPU of one insert as the usual middleware measures it: process.cpuUsage() at the start and at the end of the request. Only the background traffic (docker compose start k6) asks for both readings of its inserts.',
          unit: 's',
          height: 5,
          span: 5,
          decimals: 1,
          emptyMeans: 'No reading now',
          color: stateColors.warning,
          queries: [{ expr: cpuReading(k6Metrics.cpuByProcess), legend: 'the usual reading' }],
        }),
        stat({
          title: 'Wrong by',
          description:
            'The usual reading divided by the ledger, for the same inserts: those of the background traffic. So it is not the quotient of the two figures on the left. Near 1 when requests come one at a time. It grows with the number of requests in progress, because the usual reading charges each of them for all that ran meanwhile.',
          unit: 'times',
          height: 5,
          span: 4,
          decimals: 1,
          emptyMeans: 'No reading now',
          warnAt: 2,
          limitAt: 10,
          queries: [
            {
              expr: ratio(reading(k6Metrics.cpuByProcess), reading(k6Metrics.cpuByLedger)),
              legend: 'usual reading / ledger',
            },
          ],
        }),
        bars({
          title: 'Cost by strategy',
          description:
            'CPU for one row by insert strategy, over the whole time range above, so the time under load counts most. In a range without a load test batched may look expensive: its batches carry one row each. Start a load test and look again.',
          unit: 's',
          span: 5,
          height: 5,
          emptyMeans: 'No inserts',
          queries: [
            {
              expr: `sort(${ratio(inRange(`${metricNames.requestCpu}_sum`), inRange(metricNames.insertRows))})`,
              legend: '{{insert_strategy}}',
            },
          ],
        }),
        bars({
          title: 'First to be full',
          description:
            'Utilisation of each resource in the last minute, the fullest worker for each. Click a bar for the board that says more.',
          unit: 'percentunit',
          span: 5,
          height: 5,
          decimals: 0,
          max: 1,
          warnAt: 0.7,
          limitAt: 0.9,
          leadsTo: 'limits',
          queries: [
            {
              expr: `sort_desc(max by (resource) (${recordedMetrics.utilisation}))`,
              legend: '{{resource}}',
            },
          ],
        }),
        stat({
          title: '',
          description:
            'The load test that was seen last in the time range above, or how to start one. The command is for the compose stack; k6 run loadtests/insert.ts does the same on the machine itself.',
          unit: 'ago',
          span: 24,
          height: 2,
          shows: 'both',
          textSize: 15,
          emptyMeans:
            'No load test in this time range. Start one: docker compose run --rm k6 run /loadtests/insert.ts',
          queries: [
            { expr: `1000 * topk(1, ${lastSeen})`, legend: 'Last load test in this time range: {{testid}}' },
          ],
        }),
        timeSeries({
          title: 'Where the CPU of a request goes',
          description:
            'All CPU of the process, divided by its answered requests. "own work" is what the ledger could assign to a request; the named layers are shared work that belongs to no single request. Under light load the fixed costs (timers, scrapes, telemetry) weigh more on each request: compare at equal load.',
          unit: 's',
          span: 16,
          height: 10,
          stacked: true,
          legend: 'right',
          queries: [
            { expr: perRequest(ownWork), legend: '{{bucket}}' },
            { expr: perRequest(shared), legend: '{{bucket}}' },
          ],
        }),
        bars({
          title: 'Right now',
          description:
            'The same by layer at this moment, the largest first. Empty when less than one request a second is answered: then almost all CPU is fixed cost.',
          unit: 's',
          span: 8,
          height: 10,
          emptyMeans: 'Almost no requests now',
          queries: [{ expr: `sort_desc(${perRequest(`(${ownWork} or ${shared})`)})`, legend: '{{bucket}}' }],
        }),
        timeSeries({
          title: 'The same inserts, by two readings',
          description:
            'Mean CPU of the same inserts by two readings, on a logarithmic axis: the distance between the lines is the factor by which the usual reading is wrong. Alone they agree. Run a load test together with the background traffic: the usual reading rises with the number of requests in progress, and the ledger does not.',
          unit: 's',
          span: 12,
          height: 9,
          scale: 'log',
          queries: [
            { expr: cpuReading(k6Metrics.cpuByLedger), legend: 'the ledger' },
            { expr: cpuReading(k6Metrics.cpuByProcess), legend: 'the usual reading' },
          ],
        }),
        scatter({
          title: 'CPU per row against rows per second',
          description:
            'One point per interval and strategy, both axes logarithmic. batched falls to the right, because a fuller batch shares its cost among more rows; the others fall less. At the far left every insert is expensive: the caches are cold, and few rows share the fixed costs.',
          span: 12,
          height: 9,
          label: 'insert_strategy',
          y: { name: 'CPU per row', unit: 's', expr: cpuPerRow(byStrategy) },
          x: {
            name: 'rows/s',
            unit: 'short',
            expr: `${rate(metricNames.insertRows, anInsert, byStrategy)} > 0`,
          },
        }),
      ],
    },
    {
      title: 'By worker, route and insert strategy',
      panels: [
        heatmap({
          title: 'How is the cost of a request spread?',
          description:
            'How many requests cost how much CPU; the colour is their number. Two bands are two kinds of request; a long tail upwards is garbage collection or a large body. Traced examples are in "What do cheap and expensive requests cost?" below.',
          unit: 's',
          span: 12,
          height: 12,
          queries: [{ expr: buckets(metricNames.requestCpu, strategy), legend: '{{le}}' }],
        }),
        trends({
          title: 'Which route costs how much?',
          description:
            "Mean CPU of a request's own work by route pattern: the newest value and the line of the time range above, the most expensive first. A route that costs far more than /ping/ pays for what its handler does; one that costs like /ping/ cannot be made cheaper than the framework.",
          unit: 's',
          span: 12,
          height: 12,
          labels: { http_request_method: 'Method', http_route: 'Route' },
          query: {
            expr: mean(metricNames.requestCpu, strategy, ['http_request_method', 'http_route']),
            legend: '{{http_request_method}} {{http_route}}',
          },
        }),
      ],
    },
    {
      title: 'Cheap and expensive requests',
      collapsed: true,
      panels: [
        timeSeries({
          title: 'What do cheap and expensive requests cost?',
          description:
            "Median, 95th and 99th percentile of a request's own CPU. If p99 moves and p50 does not, look for garbage collection and event-loop delay. If both move, the work itself has changed. The diamonds are traced requests: click one to open its trace.",
          unit: 's',
          span: 24,
          scale: 'log',
          queries: [
            { expr: quantile(0.5, metricNames.requestCpu, strategy), legend: 'p50' },
            { expr: quantile(0.95, metricNames.requestCpu, strategy), legend: 'p95' },
            { expr: quantile(0.99, metricNames.requestCpu, strategy), legend: 'p99', exemplars: true },
          ],
        }),
      ],
    },
    {
      title: 'All CPU of the process',
      collapsed: true,
      ignores: ['route', 'strategy'],
      panels: [
        timeSeries({
          title: 'Does the ledger contain all CPU?',
          description:
            "The CPU of all finished requests, each as its own histogram has it, and the CPU of no request, over the process's CPU clock. It must be 100 % within 2 %. If it is lower, requests ended without their figure, or many are still open. The unscaled line is the wall time that the ledger measured: it exceeds the clock when the thread was preempted. A high value means that the machine is too busy to measure microseconds.",
          unit: 'percentunit',
          span: 24,
          queries: [
            {
              expr: ratio(
                `(${rate(`${metricNames.requestCpu}_sum`, instance)} + ${rate(metricNames.unattributedCpu, instance)})`,
                rate(metricNames.processCpu, instance),
              ),
              legend: 'ledger / CPU clock',
            },
            {
              expr: ratio(rate(metricNames.unscaledCpu, instance), rate(metricNames.processCpu, instance)),
              legend: 'unscaled slices / CPU clock',
            },
          ],
        }),
      ],
    },
    {
      title: 'What batching does',
      collapsed: true,
      ignores: ['route', 'strategy'],
      panels: [
        timeSeries({
          title: 'How many rows share one batch?',
          description:
            'Rows per batch of the batched strategy. Group commit sets its own pace: rows wait only while a batch is in flight, so batches grow with load. A mean near 1 under load means that requests do not come at the same time.',
          unit: 'short',
          span: 8,
          queries: [
            { expr: mean(metricNames.insertBatchRows, instance), legend: 'mean' },
            { expr: quantile(0.99, metricNames.insertBatchRows, instance), legend: 'p99' },
          ],
        }),
        timeSeries({
          title: 'How many rows wait?',
          description:
            'Rows in the queue for the next batch, by worker. A queue that stays long means that PostgreSQL returns batches more slowly than rows arrive.',
          unit: 'short',
          span: 8,
          queries: [
            {
              expr: `sum by (instance) (${metricNames.insertQueueDepth}{${instance}})`,
              legend: '{{instance}}',
            },
          ],
        }),
        timeSeries({
          title: 'How many requests are refused?',
          description:
            'Requests per second that were refused early (503) by reason, for example because the queue for the next batch was full. "none" is a line at zero until the first request is refused.',
          unit: 'reqps',
          span: 8,
          queries: [
            {
              expr: orNone(rate(metricNames.requestsRejected, instance, ['reason']), 'reason'),
              legend: '{{reason}}',
            },
          ],
        }),
      ],
    },
    {
      title: 'Which code: only with docker compose --profile profiling',
      collapsed: true,
      ignores: ['instance', 'route', 'strategy'],
      panels: [
        flameGraph({
          title: 'Which functions use the CPU?',
          description:
            "The functions that ran in the time range above, by V8's sampling profiler: a bar is as wide as the CPU of the function and of all that it called. Start the profiler with docker compose --profile profiling up -d --wait. It costs the service CPU, so stop it before you measure.",
          span: 24,
        }),
      ],
    },
  ],
})
