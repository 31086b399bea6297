import { metricNames } from '../../telemetry/metric-names.ts'
import { board } from '../board.ts'
import { k6Metrics, recordedMetrics } from '../foreign-metrics.ts'
import { stat, timeSeries } from '../panel.ts'
import { filters, nativeQuantile, quantile, rate, ratio } from '../promql.ts'
import { rows } from '../tables.ts'

const { service, testid } = filters
const byTest = ['testid']
const { requests, requestDuration } = k6Metrics
const sent = rate(requests, testid)
const unexpected = `${testid},expected_response="false"`
/** A counter exists only after its first event, so this adds a zero for a test in which nothing failed. */
const failed = `(${rate(requests, unexpected)} or 0 * ${sent})`

/** Growth over the time range that is shown, by load test: an ended test keeps its own figures. */
const inRange = (counter: string, filter: string = testid) =>
  `sum by (testid) (increase(${counter}{${filter}}[$__range]))`
const lastedS = `5 * count_over_time(max by (testid) (${k6Metrics.vus}{${testid}})[$__range:5s])`
const inRangeQuantile = (q: number) => `histogram_quantile(${q}, ${inRange(requestDuration)}) >= 0`

/** What the load generator sent and what it received: the client's side of every figure. */
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
          title: 'Requests sent',
          description:
            'Requests per second over the load tests chosen above; "background" is the gentle traffic that compose.yaml starts.',
          unit: 'reqps',
          span: 6,
          emptyMeans: 'No test now',
          queries: [{ expr: sent, legend: 'requests' }],
        }),
        stat({
          title: 'Slowest of a hundred',
          description:
            'The 99th percentile of the answers of the last seconds, over all routes. In a closed loop (insert.ts, crud.ts) it looks too good, because a slow answer also delays the next request.',
          unit: 's',
          span: 6,
          emptyMeans: 'No test now',
          queries: [{ expr: nativeQuantile(0.99, requestDuration, testid), legend: 'p99' }],
        }),
        stat({
          title: 'Requests that fail',
          description: 'Share of the requests of the last seconds that were not answered as expected.',
          unit: 'percentunit',
          span: 6,
          emptyMeans: 'No test now',
          warnAt: 0.0001,
          limitAt: 0.001,
          queries: [{ expr: ratio(failed, sent), legend: 'failed' }],
        }),
        stat({
          title: 'Checks that pass',
          description:
            'Share of checks that passed since the start of the test, for the check with the lowest share. Below 100 % answers are wrong, not only slow.',
          unit: 'percentunit',
          span: 6,
          emptyMeans: 'No test now',
          queries: [{ expr: `min(${k6Metrics.checksRate}{${testid}})`, legend: 'checks passed' }],
        }),
      ],
    },
    {
      title: 'Each load test as a whole',
      panels: [
        rows({
          title: 'What did each load test measure?',
          description:
            'Each load test in the time range above, over the part of it that lies in the range. A test that has ended keeps its figures here: choose a time range that holds all of it.',
          span: 24,
          height: 7,
          label: 'testid',
          labelName: 'Load test',
          columns: [
            { name: 'Lasted', expr: lastedS, unit: 's' },
            { name: 'Requests', expr: inRange(requests), unit: 'short' },
            { name: 'Per second', expr: ratio(inRange(requests), lastedS), unit: 'reqps' },
            { name: 'p50', expr: inRangeQuantile(0.5), unit: 's' },
            { name: 'p95', expr: inRangeQuantile(0.95), unit: 's' },
            { name: 'p99', expr: inRangeQuantile(0.99), unit: 's' },
            {
              name: 'Failed',
              expr: ratio(
                `(${inRange(requests, unexpected)} or 0 * ${inRange(requests)})`,
                inRange(requests),
              ),
              unit: 'percentunit',
            },
          ],
        }),
      ],
    },
    {
      title: 'Arrival against completion',
      panels: [
        timeSeries({
          title: 'Does everything that arrives complete?',
          description:
            'Iterations completed per second, and those that k6 had to drop because no user was free. In an open-loop test completion falls behind arrival where the service saturates; the gap is the drop.',
          unit: 'ops',
          span: 24,
          legend: 'right',
          queries: [
            { expr: rate(k6Metrics.iterations, testid, byTest), legend: 'completed, {{testid}}' },
            { expr: `${recordedMetrics.dropped}{${testid}}`, legend: 'dropped, {{testid}}' },
          ],
        }),
        timeSeries({
          title: 'How many users does the load take?',
          description:
            'Users at work, and users that k6 has at hand (dashed). By Little’s law users = rate × latency: if they rise at a constant rate, latency rises. At the dashed line k6 starts to drop.',
          unit: 'short',
          span: 24,
          legend: 'right',
          queries: [
            { expr: `sum by (testid) (${k6Metrics.vus}{${testid}})`, legend: 'at work, {{testid}}' },
            {
              expr: `sum by (testid) (${k6Metrics.vusMax}{${testid}})`,
              legend: 'at hand, {{testid}}',
              isLimit: true,
            },
          ],
        }),
      ],
    },
    {
      title: 'Latency by request',
      panels: [
        timeSeries({
          title: 'Which requests are slow for the client?',
          description:
            '95th percentile by request, of the answers of the last seconds: it includes the network and the connection queue. The axis is logarithmic, because an insert under load and an idle ping differ by orders of magnitude.',
          unit: 's',
          span: 24,
          scale: 'log',
          legend: 'right',
          queries: [{ expr: nativeQuantile(0.95, requestDuration, testid, ['name']), legend: '{{name}}' }],
        }),
      ],
    },
    {
      title: 'Client and service, all requests',
      ignores: ['testid'],
      panels: [
        timeSeries({
          title: 'Where does the latency arise?',
          description:
            'Latency at the client and in the service. If they are close together, the service is slow. If they are far apart, requests wait before the service sees them: in the accept queue of a full thread, in the network, or in k6 itself.',
          unit: 's',
          span: 24,
          scale: 'log',
          legend: 'right',
          queries: [
            { expr: nativeQuantile(0.5, requestDuration, ''), legend: 'client, p50' },
            { expr: nativeQuantile(0.99, requestDuration, ''), legend: 'client, p99' },
            { expr: quantile(0.5, metricNames.requestDuration, service), legend: 'service, p50' },
            {
              expr: quantile(0.99, metricNames.requestDuration, service),
              legend: 'service, p99',
              exemplars: true,
            },
          ],
        }),
      ],
    },
  ],
})
