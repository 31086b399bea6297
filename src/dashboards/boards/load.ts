import { metricNames } from '../../telemetry/metric-names.ts'
import { board } from '../board.ts'
import { k6Metrics, recordedMetrics } from '../foreign-metrics.ts'
import { stat, timeSeries } from '../panel.ts'
import { filters, quantile } from '../promql.ts'

const { testid } = filters
const window = '[$__rate_interval]'

/** What the load generator asked, and what it got: the client's side of every figure. */
export const load = board({
  name: 'load',
  title: 'What does the client see?',
  description: 'Load as k6 sends it and answers as k6 gets them, by load test.',
  variables: ['testid'],
  rows: [
    {
      title: 'The answer now',
      panels: [
        stat({
          title: 'How many requests are sent?',
          description:
            'Requests per second over the load tests chosen above; "background" is the gentle traffic that compose.yaml starts.',
          unit: 'reqps',
          span: 6,
          queries: [{ expr: `sum(rate(${k6Metrics.requests}{${testid}}${window}))`, legend: 'requests' }],
        }),
        stat({
          title: 'How slow are the slowest?',
          description:
            'The 99th percentile that k6 last reported, the worst of all routes. In a closed loop (insert.ts, crud.ts) it flatters, because a slow answer also delays the next request.',
          unit: 's',
          span: 6,
          queries: [{ expr: `max(${k6Metrics.requestDurationP99}{${testid}})`, legend: 'p99' }],
        }),
        stat({
          title: 'How many requests fail?',
          description: 'Share of requests that were not answered as expected, the worst of all routes.',
          unit: 'percentunit',
          span: 6,
          warnAt: 0.0001,
          limitAt: 0.001,
          queries: [{ expr: `max(${k6Metrics.requestFailedRate}{${testid}})`, legend: 'failed' }],
        }),
        stat({
          title: 'Do the answers hold what they should?',
          description:
            'Share of checks that passed, the worst of all routes. Below 100 % answers are wrong, not only slow.',
          unit: 'percentunit',
          span: 6,
          queries: [{ expr: `min(${k6Metrics.checksRate}{${testid}})`, legend: 'checks passed' }],
        }),
      ],
    },
    {
      title: 'Arrival against completion',
      panels: [
        timeSeries({
          title: 'Does everything that arrives complete?',
          description:
            'Iterations completed per second, and those k6 had to drop because no user was free. In an open-loop test completion falls behind arrival where the service saturates; the gap is the drop.',
          unit: 'ops',
          span: 12,
          queries: [
            {
              expr: `sum by (testid) (rate(${k6Metrics.iterations}{${testid}}${window}))`,
              legend: 'completed, {{testid}}',
            },
            {
              expr: `${recordedMetrics.dropped}{${testid}}`,
              legend: 'dropped, {{testid}}',
            },
          ],
        }),
        timeSeries({
          title: 'How many users does the load take?',
          description:
            'Users at work, and users that k6 has at hand. By Little’s law users = rate × latency: where they climb at a constant rate, latency climbs. At the maximum k6 starts to drop.',
          unit: 'short',
          span: 12,
          queries: [
            { expr: `sum by (testid) (${k6Metrics.vus}{${testid}})`, legend: 'at work, {{testid}}' },
            { expr: `sum by (testid) (${k6Metrics.vusMax}{${testid}})`, legend: 'at hand, {{testid}}' },
          ],
        }),
      ],
    },
    {
      title: 'Latency',
      panels: [
        timeSeries({
          title: 'Which requests are slow for the client?',
          description:
            '95th percentile by request, as k6 measures it since the start of its test: it includes network and the connection queue, and moves slowly late in a test.',
          unit: 's',
          span: 12,
          queries: [
            { expr: `max by (name) (${k6Metrics.requestDurationP95}{${testid}})`, legend: '{{name}}' },
          ],
        }),
        timeSeries({
          title: 'Where does the latency arise?',
          description:
            'Median at the client and in the service. Close together: the service is slow. Far apart: requests wait before the service sees them, in the accept queue of a full thread, in the network, or in k6 itself.',
          unit: 's',
          span: 12,
          queries: [
            { expr: `avg(${k6Metrics.requestDurationP50}{${testid}})`, legend: 'client, mean of medians' },
            { expr: quantile(0.5, metricNames.requestDuration, ''), legend: 'service, p50' },
            {
              expr: quantile(0.99, metricNames.requestDuration, ''),
              legend: 'service, p99',
              exemplars: true,
            },
          ],
        }),
      ],
    },
  ],
})
