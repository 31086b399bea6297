import { number, spread } from '../analysis/wording.ts'
import type { Sample } from '../results.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'

const connections = [1, 2, 4, 8, 16, 64]
const busiest = Math.max(...connections)

/** What the HTTP server and framework cost before any work is done: the floor under every other figure. */
export const ping: Experiment = {
  name: 'ping',
  question: 'What does a request that does nothing cost, and how many can one process answer?',
  hypothesis:
    'A ping costs between 10 and 20 us of CPU. One JavaScript thread is the limit: a few connections keep it busy, and ' +
    'more connections only raise the latency.',
  varies: 'connections',
  holds: 'one worker, access log off, GET /ping/, no database work',
  timing: { processWarmupS: 4, warmupS: 1, durationS: 2, repeats: 3 },
  steps: connections.map(step),
  confirms: true,
  conclude,
}

function step(count: number): Step {
  return {
    variant: 'ping',
    knobs: {},
    load: closed(count),
    requests: [{ path: '/ping/' }],
  }
}

/** Well below full. With one client all processes sleep between two requests, and wake-ups add to the cost. */
const lightLoad = 8

function conclude(samples: readonly Sample[]): Conclusion {
  // The same step in every run, whichever of two equals happens to be a little ahead.
  const busy = find(samples, step(busiest)) ?? byThroughput(samples)[0]
  if (busy === undefined) return { answer: 'Nothing was measured.', diagnosed: null }
  const cost = busy.cpuPerRequestUs.api
  const price =
    cost === null ? 'Its CPU could not be read' : `A ping costs the API ${spread(cost, 'us')} of CPU`
  const light = find(samples, step(lightLoad))
  return {
    answer:
      `${price}. With ${number(busy.load.connections ?? 1)} connections the service answers ${spread(busy.throughputPerS, 'requests/s')}, ` +
      `with a median latency of ${spread(busy.latencyMs.p50, 'ms')}.`,
    diagnosed: busy,
    ...(light !== undefined && { predictFrom: light }),
  }
}
