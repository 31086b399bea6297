import { board } from '../board.ts'
import { trace, traceList } from '../trace-panel.ts'

const name = 'trace'
const link = { dashboardUid: `insertlab-${name}`, variable: 'trace' }
/** k6 sends its test id in the user agent. `All` is `.*`, which matches every user agent. */
const ofTheTest = 'kind = server && span.user_agent.original =~ ".*($testid).*"'

/** Where exemplars lead: one request, from its arrival to its last query. */
export const traces = board({
  name,
  title: 'What happened in this request?',
  description:
    'Lists to choose a traced request from, and the request itself. The diamonds in other dashboards lead here.',
  variables: ['trace', 'testid'],
  // No automatic refresh: a list must not change while somebody reads it, and a chosen trace never changes.
  refreshS: null,
  rows: [
    {
      title: 'Choose a request',
      panels: [
        traceList(
          {
            title: 'Which requests were slow?',
            description:
              'The last 50 traced requests that took longer than 20 ms, the slowest first. Only a sample is traced (OTEL_TRACES_SAMPLER_ARG, 1 in 100 by default), so a rare kind may be missing.',
            span: 24,
            height: 6,
            query: `{ ${ofTheTest} && duration > 20ms }`,
            first: 'Duration',
          },
          link,
        ),
        traceList(
          {
            title: 'Which requests failed?',
            description:
              'Traced requests that ended in a server error. An empty list is good. So is a list of errors that a test caused on purpose.',
            span: 24,
            height: 4,
            query: `{ ${ofTheTest} && status = error }`,
            first: 'Start time',
          },
          link,
        ),
        traceList(
          {
            title: 'Which requests came last?',
            description:
              'Traced requests of the load test chosen above, slow or not: k6 sends its test id in the user agent, so a figure of "What does the client see?" and its requests are one click apart.',
            span: 24,
            height: 6,
            query: `{ ${ofTheTest} }`,
            first: 'Start time',
          },
          link,
        ),
      ],
    },
    {
      title: 'The request that you chose: click a trace id above',
      ignores: ['testid'],
      panels: [
        trace({
          title: 'Where did its time go?',
          description:
            "One bar per span; empty until a request is chosen above. In a batched insert batch.wait is the time until the row's batch was sent, and batch.run the time for which the batch was in PostgreSQL. A gap between bars is the event loop doing something else, or the wait for a connection.",
          span: 24,
          query: '$trace',
        }),
        traceList(
          {
            title: 'Which batch carried it?',
            description:
              'The batch with the row of the chosen request, which is a trace of its own: its statement, its number of rows, and links to the other traced requests in it. Click its id to show it above.',
            span: 24,
            height: 6,
            query: '{ link:traceID = "$trace" }',
            first: 'Start time',
          },
          link,
        ),
      ],
    },
  ],
})
