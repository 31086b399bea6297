import { ratio } from '../analysis/figures.ts'
import { spread } from '../analysis/wording.ts'
import type { Sample } from '../results.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'

const busy = 64
const loads = [
  { strategy: 'prepared', connections: busy },
  { strategy: 'batched', connections: busy },
  { strategy: 'prepared', connections: 1 },
]
const modes = ['on', 'off'] as const

/** What waiting for the disk costs, and who pays. An experiment: an answer before its row is safe is no default. */
export const durability: Experiment = {
  name: 'durability',
  question: 'What does it cost to answer only after the row is on disk?',
  hypothesis:
    'One client alone waits for each flush. Many clients share a flush: PostgreSQL flushes once for all that wait. So ' +
    'with 64 clients, and even more with batches, waiting for the disk costs little throughput.',
  varies: 'synchronous_commit, insert strategy, connections',
  holds: 'one row a request, one worker, pool of 20, fsync on',
  timing: { processWarmupS: 4, warmupS: 1, durationS: 3, repeats: 3 },
  steps: modes.flatMap(mode => loads.map(({ strategy, connections }) => step(strategy, mode, connections))),
  conclude,
}

function step(strategy: string, mode: (typeof modes)[number], connections: number): Step {
  return {
    variant: `${strategy}, synchronous_commit ${mode}`,
    knobs: { strategy, synchronousCommit: mode },
    service: { SYNCHRONOUS_COMMIT: mode },
    load: closed(connections),
    requests: [{ path: `/test-insert?strategy=${strategy}` }],
  }
}

function conclude(samples: readonly Sample[]): Conclusion {
  const gains = loads.flatMap(({ strategy, connections }) => {
    const [durable, hasty] = modes.map(mode => find(samples, step(strategy, mode, connections)))
    return durable && hasty ? [gain(strategy, connections, durable, hasty)] : []
  })
  return {
    answer: gains.join(' ') || 'No two settings were measured to compare.',
    diagnosed: find(samples, step('prepared', 'on', busy)) ?? byThroughput(samples)[0] ?? null,
  }
}

function gain(strategy: string, connections: number, durable: Sample, hasty: Sample): string {
  const who = connections === 1 ? 'one client gets' : `${connections} clients get`
  return (
    `Without waiting for the disk, ${who} ` +
    `${spread(ratio(hasty.throughputPerS, durable.throughputPerS), 'times')} as many ${strategy} inserts. ` +
    `The median insert takes ${spread(hasty.latencyMs.p50, 'ms')} instead of ${spread(durable.latencyMs.p50, 'ms')}.`
  )
}
