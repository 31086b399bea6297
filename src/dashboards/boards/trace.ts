import { board } from '../board.ts'
import { trace, traceList } from '../trace-panel.ts'

const name = 'trace'
const link = { dashboardUid: `insertlab-${name}`, variable: 'trace' }

/** Where exemplars lead: one request, from its arrival to its last query. */
export const traces = board({
  name,
  title: 'What happened in this request?',
  description:
    'One traced request, and lists to choose one from. The diamonds in other dashboards lead here.',
  variables: ['trace', 'testid'],
  rows: [
    {
      title: 'This request',
      panels: [
        trace({
          title: 'Where did its time go?',
          description:
            "One bar a span. In a batched insert batch.wait is the time until the row's batch was sent, and its link leads to the batch that carried it, with the statement itself. A gap between bars is the event loop doing something else, or the wait for a connection.",
          span: 24,
          query: '$trace',
        }),
      ],
    },
    {
      title: 'From a load test',
      panels: [
        traceList(
          {
            title: 'Which requests did this load test send?',
            description:
              'Traced requests whose user agent names the load test chosen above: k6 sends its test id there, so a figure of "What does the client see?" and its requests are one click apart.',
            span: 24,
            query: '{ kind = server && span.user_agent.original =~ ".*($testid).*" }',
          },
          link,
        ),
      ],
    },
    {
      title: 'Choose another',
      panels: [
        traceList(
          {
            title: 'Which requests were slow?',
            description:
              'Traced requests that took longer than 20 ms, in the time range above. Only a sample is traced (OTEL_TRACES_SAMPLER_ARG, 1 in 100 by default), so a rare kind may be missing.',
            span: 12,
            query: '{ kind = server && duration > 20ms }',
          },
          link,
        ),
        traceList(
          {
            title: 'Which requests failed?',
            description:
              'Traced requests that ended in a server error. Empty is good; so is a single one that a test provoked.',
            span: 12,
            query: '{ kind = server && status = error }',
          },
          link,
        ),
      ],
    },
  ],
})
