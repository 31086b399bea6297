import { meanResponseMs } from '../analysis/little.ts'
import { counted, percent, spread } from '../analysis/wording.ts'
import type { Reproduction, Sample } from '../results.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'
import { reproduction } from './reproduction.ts'
import { crudMix, seedTasks } from './tasks.ts'

const users = 100
const workers = [1, 4, 16]
/** With it a single request takes about 14 ms, as in the report. */
const databaseDelayMs = 10

/** Finding C2 on its own stack: processes help a service that only waits, and need no cores for it. */
export const blockingCalls: Experiment = {
  name: 'blocking-calls',
  question:
    'Requests to my Python service take seconds although its CPU is hardly used, and 16 processes reduce 1.6 s to 90 ms: why?',
  hypothesis:
    'Its handlers call the database with calls that block the event loop, so each process answers one request at a time. ' +
    'The wait falls with the number of processes. With one process most of a core is idle.',
  finding: 'C2',
  varies: 'worker processes',
  holds: `FastAPI with blocking calls, ${users} users, the CRUD mix, a database ${databaseDelayMs} ms away`,
  timing: { processWarmupS: 1, warmupS: 1, durationS: 4, repeats: 3 },
  steps: workers.map(step),
  conclude,
  reproduce,
}

function step(count: number): Step {
  return {
    variant: `blocking calls, ${counted(count, 'worker')}`,
    knobs: { stack: 'FastAPI, blocking calls', workers: count },
    program: 'fastapi-blocking',
    service: { WORKERS: String(count), DATABASE_DELAY_MS: String(databaseDelayMs) },
    seed: seedTasks,
    load: closed(users),
    requests: crudMix,
  }
}

const withWorkers = (samples: readonly Sample[], count: number) => find(samples, step(count))

function conclude(samples: readonly Sample[]): Conclusion {
  const waits = workers.flatMap(count => {
    const sample = withWorkers(samples, count)
    const waited = meanResponseMs(sample)
    if (sample === undefined || waited === null) return []
    const busy = sample.utilisation.api
    const cores = busy === null ? '' : `, ${percent(busy.median)} of one core in use`
    return [`${count} ${count === 1 ? 'process' : 'processes'}: ${spread(waited, 'ms')} on average${cores}.`]
  })
  return {
    answer: waits.join(' ') || 'Nothing was measured.',
    diagnosed: withWorkers(samples, 1) ?? byThroughput(samples)[0] ?? null,
  }
}

function reproduce(samples: readonly Sample[]): Reproduction[] {
  return [
    reproduction({
      finding: 'C2',
      compared: 'one worker process → 16, on a service that blocks',
      unit: 'ms',
      reported: [1600, 90],
      reportedText: '1.6 s → 90 ms',
      ours: [meanResponseMs(withWorkers(samples, 1)), meanResponseMs(withWorkers(samples, 16))],
      explanation: 'sixteen Python processes share the few cores of one machine with the database',
    }),
  ]
}
