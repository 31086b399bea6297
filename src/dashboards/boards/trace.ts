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
  variables: ['trace'],
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
