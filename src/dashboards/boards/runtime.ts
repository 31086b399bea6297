import { metricNames } from '../../telemetry/metric-names.ts'
import { board } from '../board.ts'
import { timeSeries } from '../panel.ts'
import { filters, rate, requestRate } from '../promql.ts'

const { instance } = filters
const worker = ['instance']
const delay = (quantile: number) => `max(${metricNames.eventLoopDelay}{${instance},quantile="${quantile}"})`

/** Each worker, and what runs below the service: V8, event loop, container. */
export const runtime = board({
  name: 'runtime',
  title: 'Is every worker well?',
  description: 'Workers side by side, and what Node.js and the container do to them.',
  variables: ['instance'],
  rows: [
    {
      title: 'Worker by worker',
      panels: [
        timeSeries({
          title: 'Is the load shared fairly?',
          description:
            'Requests per second by worker. Long-lived connections stay with the worker that accepted them, so with few clients one worker may be idle while another is full.',
          unit: 'reqps',
          span: 8,
          queries: [{ expr: requestRate(instance, worker), legend: '{{instance}}' }],
        }),
        timeSeries({
          title: 'How much CPU does each use?',
          description:
            'Cores by worker, all threads. Above 1 the surplus is garbage collection and other helper threads.',
          unit: 'cores',
          span: 8,
          queries: [{ expr: rate(metricNames.processCpu, instance, worker), legend: '{{instance}}' }],
        }),
        timeSeries({
          title: 'Requests in progress?',
          description:
            'Requests that have arrived and are not answered, by worker. By Little’s law this is rate × latency: if it grows at a constant rate, requests are waiting longer.',
          unit: 'short',
          span: 8,
          queries: [
            {
              expr: `sum by (instance) (${metricNames.activeRequests}{${instance}})`,
              legend: '{{instance}}',
            },
          ],
        }),
      ],
    },
    {
      title: 'Event loop and garbage collector',
      panels: [
        timeSeries({
          title: 'How late is the event loop?',
          description:
            'Delay of timers in the last five seconds by quantile, for the worst worker. The median shows the load, the maximum shows single long callbacks.',
          unit: 's',
          span: 8,
          queries: [
            { expr: delay(0.5), legend: 'p50' },
            { expr: delay(0.9), legend: 'p90' },
            { expr: delay(0.99), legend: 'p99' },
            { expr: delay(1), legend: 'max' },
          ],
        }),
        timeSeries({
          title: 'Time in garbage collection?',
          description:
            'Pauses in seconds per second by kind. minor is cheap and frequent; a growing share of major means that the heap is nearly full of live objects.',
          unit: 'percentunit',
          span: 8,
          stacked: true,
          queries: [
            {
              expr: rate(`${metricNames.gcDuration}_sum`, instance, ['v8js_gc_type']),
              legend: '{{v8js_gc_type}}',
            },
          ],
        }),
        timeSeries({
          title: 'Are traces lost?',
          description:
            'Spans per second that were dropped because the export queue was full or the collector did not answer. Above zero, traces are missing and the dashboards of traces are incomplete.',
          unit: 'ops',
          span: 8,
          queries: [{ expr: rate(metricNames.spansDropped, instance, worker), legend: '{{instance}}' }],
        }),
      ],
    },
    {
      title: 'Memory and container',
      panels: [
        timeSeries({
          title: 'How full is the heap?',
          description:
            'V8 heap in use, and its limit (dashed), on a logarithmic axis. A line like a saw is healthy. If its lowest points rise over time, memory leaks.',
          unit: 'bytes',
          span: 8,
          scale: 'log',
          queries: [
            {
              expr: `sum by (instance) (${metricNames.heapUsed}{${instance}})`,
              legend: '{{instance}}',
            },
            { expr: `${metricNames.heapLimit}{${instance}}`, legend: 'limit, {{instance}}', isLimit: true },
          ],
        }),
        timeSeries({
          title: 'How much memory is in use?',
          description:
            'Resident memory by worker: heap, buffers, code. The container is killed when the sum reaches SERVICE_MEMORY.',
          unit: 'bytes',
          span: 8,
          queries: [{ expr: `${metricNames.residentMemory}{${instance}}`, legend: '{{instance}}' }],
        }),
        timeSeries({
          title: 'Does the CPU limit stop it?',
          description:
            'Seconds per second in which the container wanted CPU and its quota was used up. Linux adds the times of all CPUs, so the sum can be above 1 s. Above 50 ms every latency measures the quota, not the service: raise SERVICE_CPUS.',
          unit: 's',
          span: 8,
          emptyMeans: 'No cgroup v2 CPU controller here: not in a container, or an older engine',
          queries: [{ expr: rate(metricNames.throttledTime, instance, worker), legend: '{{instance}}' }],
        }),
      ],
    },
  ],
})
