import { number, spread } from '../analysis/wording.ts'
import type { Sample } from '../results.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find } from './experiment.ts'

/** Enough clients to keep the server from idling between requests, too few to queue for long. */
const predictingConnections = 8

/** What the HTTP server and framework cost before any work is done: the floor under every other figure. */
export const ping: Experiment = {
  name: 'ping',
  question: 'What does a request cost that does nothing, and how many of them can one process answer?',
  hypothesis:
    'Somewhere between 10 and 20 us of CPU each; one JavaScript thread is the ceiling, so throughput stops ' +
    'growing once a handful of connections keep that thread busy, and latency grows instead.',
  finding: 'B1',
  varies: 'connections',
  holds: 'one worker, access log off, GET /ping/, no database work',
  timing: { breakInS: 4, warmupS: 1, durationS: 3, repeats: 3 },
  steps: [1, 8, 64].map(connections => ({
    variant: 'ping',
    knobs: {},
    load: closed(connections),
    requests: [{ path: '/ping/' }],
    ceiling: true,
  })),
  conclude,
}

function conclude(samples: readonly Sample[]): Conclusion {
  const [best] = byThroughput(samples)
  if (best === undefined) return { answer: 'Nothing was measured.', accused: null }
  const predictFrom = find(samples, 'ping', predictingConnections)
  const cost = best.cpuPerRequestUs.api
  const price = cost === null ? 'Its CPU could not be read' : `It costs the API ${spread(cost, 'us')} of CPU`
  return {
    answer:
      `${price}; the most that was answered is ${spread(best.throughputPerS, 'requests/s')}, ` +
      `at ${number(best.load.connections ?? 1)} connections, with a median latency of ${spread(best.latencyMs.p50, 'ms')}.`,
    accused: best,
    ...(predictFrom && { predictFrom }),
  }
}
