import { metricNames } from '../../telemetry/metric-names.ts'
import { board } from '../board.ts'
import { k6Metrics } from '../foreign-metrics.ts'
import { heatmap, stat, timeSeries } from '../panel.ts'
import { buckets, filters, mean, orNone, quantile, rate, requestRate } from '../promql.ts'

const anInsert = `${filters.strategy},insert_strategy!=""`
const perRow = (labels: readonly string[]) =>
  `${rate(`${metricNames.requestCpu}_sum`, anInsert, labels)} / ${rate(metricNames.insertRows, `${filters.instance},insert_strategy=~"$strategy"`, labels)}`
const cpuReading = (counter: string) =>
  `sum(rate(${counter}[$__rate_interval])) / sum(rate(${k6Metrics.cpuReadings}[$__rate_interval]))`

/** The project's first question: what one insert costs the service, and what that cost is made of. */
export const cpu = board({
  name: 'cpu',
  title: 'Where does the CPU of an insert go?',
  description:
    'CPU per request and per insert, by route, strategy and layer, from the per-request CPU ledger.',
  variables: ['instance', 'route', 'strategy'],
  rows: [
    {
      title: 'The answer now',
      panels: [
        stat({
          title: 'What does one insert cost?',
          description:
            'CPU of the service per inserted row: the own work of the requests that inserted, divided by their rows. Compare strategies below; what a request costs beyond its own work is in "What is a request made of?".',
          unit: 's',
          span: 6,
          queries: [{ expr: perRow([]), legend: 'CPU per row' }],
        }),
        stat({
          title: 'How many rows are written?',
          description: 'Rows per second that were committed, over all strategies and workers.',
          unit: 'rowsps',
          span: 6,
          queries: [
            {
              expr: rate(metricNames.insertRows, `${filters.instance},insert_strategy=~"$strategy"`),
              legend: 'rows',
            },
          ],
        }),
        stat({
          title: 'How many cores does the service use?',
          description:
            "CPU of the service's processes, all threads. JavaScript runs on one thread, so a worker near 1 core is at its limit: add workers, or make an insert cheaper.",
          unit: 'cores',
          span: 6,
          queries: [{ expr: rate(metricNames.processCpu, filters.instance), legend: 'cores' }],
        }),
        stat({
          title: 'How many requests would fill one core?',
          description:
            'One divided by the CPU per request: the ceiling of one worker with this mix of requests, before anything else (pool, PostgreSQL, network) limits it.',
          unit: 'reqps',
          span: 6,
          queries: [
            {
              expr: `${requestRate(filters.instance)} / ${rate(metricNames.processCpu, filters.instance)}`,
              legend: 'ceiling of one worker',
            },
          ],
        }),
      ],
    },
    {
      title: 'What it is made of',
      panels: [
        timeSeries({
          title: 'What is a request made of?',
          description:
            'All CPU of the process, divided by its answered requests. "own work" is what the ledger could assign to a request; the named buckets are shared work that belongs to no single request. Under light load the fixed costs (timers, scrapes, telemetry) weigh more on each request: compare at equal load.',
          unit: 's',
          span: 12,
          stacked: true,
          queries: [
            {
              expr: `${rate(metricNames.attributedCpu, filters.instance)} / ${requestRate(filters.instance)}`,
              legend: 'own work',
            },
            {
              expr: `${rate(metricNames.unattributedCpu, filters.instance, ['bucket'])} / ignoring (bucket) group_left () ${requestRate(filters.instance)}`,
              legend: '{{bucket}}',
            },
          ],
        }),
        timeSeries({
          title: 'Do the books balance?',
          description:
            "CPU in the ledger (requests and buckets) over the process's CPU clock. It must read 100 % within 2 %. The unscaled line is the ledger's own stopwatch: it exceeds the clock where the thread was preempted, so a high reading means that the machine is too busy for microseconds to mean much.",
          unit: 'percentunit',
          span: 12,
          queries: [
            {
              expr: `(${rate(metricNames.attributedCpu, filters.instance)} + ${rate(metricNames.unattributedCpu, filters.instance)}) / ${rate(metricNames.processCpu, filters.instance)}`,
              legend: 'ledger / CPU clock',
            },
            {
              expr: `${rate(metricNames.unscaledCpu, filters.instance)} / ${rate(metricNames.processCpu, filters.instance)}`,
              legend: 'unscaled slices / CPU clock',
            },
          ],
        }),
      ],
    },
    {
      title: 'True against naive',
      panels: [
        timeSeries({
          title: 'What would the usual reading say?',
          description:
            'Mean CPU of the same inserts by two readings: the ledger, and process.cpuUsage() at the start and the end of the request, as the usual middleware takes it. Alone they agree. Run a load test beside the background traffic: the usual reading climbs with the number of requests in progress, because it charges each for all that ran meanwhile, and the ledger stays.',
          unit: 's',
          span: 24,
          queries: [
            { expr: cpuReading(k6Metrics.cpuByLedger), legend: 'the ledger' },
            { expr: cpuReading(k6Metrics.cpuByProcess), legend: 'process.cpuUsage() at start and end' },
          ],
        }),
      ],
    },
    {
      title: 'By route and strategy',
      panels: [
        timeSeries({
          title: 'Which route costs how much?',
          description:
            "Mean CPU of a request's own work by route pattern. A route that costs far more than /ping/ pays for what its handler does; one that costs like /ping/ cannot be made cheaper than the framework.",
          unit: 's',
          span: 12,
          queries: [
            {
              expr: mean(metricNames.requestCpu, filters.strategy, ['http_request_method', 'http_route']),
              legend: '{{http_request_method}} {{http_route}}',
            },
          ],
        }),
        timeSeries({
          title: 'Which insert strategy is cheapest per row?',
          description:
            'CPU per inserted row by strategy. batched falls as load rises, because a fuller batch shares its cost among more rows; the others hardly move. Set INSERT_STRATEGY, or ask /test-insert?strategy=…, to compare.',
          unit: 's',
          span: 12,
          queries: [{ expr: perRow(['insert_strategy']), legend: '{{insert_strategy}}' }],
        }),
        heatmap({
          title: 'How is the cost of a request spread?',
          description:
            'How many requests cost how much CPU. Two bands are two kinds of request; a long tail upwards is garbage collection or a large body. The diamonds are traced requests: click one to open its trace.',
          unit: 's',
          span: 12,
          queries: [
            { expr: buckets(metricNames.requestCpu, filters.strategy), legend: '{{le}}', exemplars: true },
          ],
        }),
        timeSeries({
          title: 'What do the cheap and the dear requests cost?',
          description:
            "Median, 95th and 99th percentile of a request's own CPU. Where p99 moves and p50 does not, look for garbage collection and event-loop delay; where both move, the work itself has changed.",
          unit: 's',
          span: 12,
          queries: [
            { expr: quantile(0.5, metricNames.requestCpu, filters.strategy), legend: 'p50' },
            { expr: quantile(0.95, metricNames.requestCpu, filters.strategy), legend: 'p95' },
            {
              expr: quantile(0.99, metricNames.requestCpu, filters.strategy),
              legend: 'p99',
              exemplars: true,
            },
          ],
        }),
      ],
    },
    {
      title: 'What batching does',
      panels: [
        timeSeries({
          title: 'How many rows share one batch?',
          description:
            'Rows per batch of the batched strategy. Group commit clocks itself: rows wait only while a batch is in flight, so batches grow with load. A mean near 1 under load means that requests do not come at the same time.',
          unit: 'short',
          span: 12,
          queries: [
            { expr: mean(metricNames.insertBatchRows, filters.instance), legend: 'mean' },
            { expr: quantile(0.99, metricNames.insertBatchRows, filters.instance), legend: 'p99' },
          ],
        }),
        timeSeries({
          title: 'Do rows wait to be written?',
          description:
            'Rows in the queue for the next batch, and requests refused (503) because it was full. A queue that stays long means that PostgreSQL returns batches more slowly than rows arrive.',
          unit: 'short',
          span: 12,
          queries: [
            {
              expr: `sum by (instance) (${metricNames.insertQueueDepth}{${filters.instance}})`,
              legend: 'queued, {{instance}}',
            },
            {
              expr: orNone(rate(metricNames.requestsRejected, filters.instance, ['reason']), 'reason'),
              legend: 'refused per second, {{reason}}',
            },
          ],
        }),
      ],
    },
  ],
})
