import { ratio } from '../analysis/figures.ts'
import { number, spread } from '../analysis/wording.ts'
import type { Reproduction, Sample } from '../results.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find } from './experiment.ts'
import { statement } from './reproduction.ts'

/** A strategy of the service's INSERT_STRATEGY; add one here and it is measured with the others. */
const strategies = ['single', 'prepared', 'batched']
/** One client alone shows what the usual reading is right about; the strategies differ with many. */
const loads = [
  ...strategies.map(strategy => ({ strategy, connections: 64 })),
  ...['prepared', 'batched'].map(strategy => ({ strategy, connections: 1 })),
]
const busiest = Math.max(...loads.map(({ connections }) => connections))

/**
 * Finding A1 reads 1-2 ms of CPU an insert off `process.cpuUsage()` at the start and end of each request.
 * This asks the same service both ways at once: what the process used over the answered requests, and what
 * each request says of itself, by the ledger and by that usual reading.
 */
export const insertCost: Experiment = {
  name: 'insert-cost',
  question: 'How much CPU does one insert cost, and is the usual reading of 1-2 ms right?',
  hypothesis:
    'An insert costs the API some 50 us of CPU, with one connection as with many. The usual reading is right with one ' +
    'connection. With 64 it is many times too high, because it charges a request for everything that ran meanwhile.',
  finding: 'A1',
  varies: 'insert strategy, connections',
  holds: 'one row a request, one worker, pool of 20, durable commits, tables empty at the start of each step',
  timing: { processWarmupS: 4, warmupS: 1, durationS: 2, repeats: 3 },
  steps: loads.map(({ strategy, connections }) => ({
    variant: strategy,
    knobs: { strategy },
    service: { INSERT_STRATEGY: strategy },
    load: closed(connections),
    requests: [{ path: '/test-insert' }],
    reportedCpu: '/test-insert?naive=1',
    profile: connections === busiest && strategy !== 'single',
  })),
  confirms: true,
  conclude,
  reproduce,
}

/** The sample of a strategy with the most connections. */
function busyOf(samples: readonly Sample[], strategy: string): Sample | undefined {
  return find(samples, { variant: strategy, load: closed(busiest) })
}

function conclude(samples: readonly Sample[]): Conclusion {
  const best = busyOf(samples, 'batched') ?? byThroughput(samples)[0]
  if (best === undefined) return { answer: 'Nothing was measured.', diagnosed: null }
  return {
    answer: [costs(samples), naiveReading(best)].filter(Boolean).join(' '),
    diagnosed: best,
  }
}

function costs(samples: readonly Sample[]): string {
  const known = strategies.flatMap(strategy => {
    const cost = busyOf(samples, strategy)?.cpuPerRequestUs.api
    return cost ? [`${spread(cost, 'us')} with ${strategy}`] : []
  })
  if (known.length === 0) return 'The CPU of the API could not be read.'
  return `With ${number(busiest)} connections one insert costs the API ${known.join(', ')}.`
}

function naiveReading({ cpuPerRequestUs, reportedCpuUs, load }: Sample): string {
  const naive = reportedCpuUs?.naive
  const ledger = reportedCpuUs?.ledger
  if (!naive || cpuPerRequestUs.api === null) return ''
  const times = ratio(naive, cpuPerRequestUs.api)
  const own = ledger ? `; the service's ledger says ${spread(ledger, 'us')}` : ''
  return (
    `With ${number(load.connections ?? 1)} connections the usual reading says ${spread(naive, 'us')}, ` +
    `${number(times.median)} times what the process used${own}.`
  )
}

/** The report's reading, at its size, of inserts that cost a tenth of it or less: the figure, and why it is wrong. */
const leastError = 10

function reproduce(samples: readonly Sample[]): Reproduction[] {
  const sample = busyOf(samples, 'single')
  const used = sample?.cpuPerRequestUs.api
  const naive = sample?.reportedCpuUs?.naive
  const times = used && naive ? ratio(naive, used) : null
  const holds = times !== null && times.low >= leastError && (naive?.high ?? 0) >= 1000
  return [
    statement({
      finding: 'A1',
      compared: `CPU of one insert at ${busiest} connections, as used → by the usual reading`,
      reported: '1-2 ms by the usual reading',
      ours: used && naive ? `${spread(used, 'us')} → ${spread(naive, 'us')}` : 'not measured',
      ratio: times,
      reproduced: holds,
      because:
        times === null
          ? 'the service did not report the usual reading, or its CPU could not be read'
          : holds
            ? 'the usual reading charges an insert for everything that ran in the meantime, so it says milliseconds where an insert costs microseconds'
            : `the usual reading is only ${spread(times, 'times')} what was used, or is below a millisecond`,
    }),
  ]
}
