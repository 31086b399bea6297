import { ratio } from '../analysis/figures.ts'
import { counted, percent, spread } from '../analysis/wording.ts'
import type { Reproduction, Sample } from '../results.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'
import { reproduction, statement } from './reproduction.ts'

const connections = 64
const strategies = ['prepared', 'batched', 'copy']
const rowCounts = [1, 10, 100]

/** Finding A2: several inserts a request bring a service down to 300 requests/s, because each is a statement. */
export const rowsPerRequest: Experiment = {
  name: 'rows-per-request',
  question: 'What do ten or a hundred rows per request cost, compared with one?',
  hypothesis:
    'With one statement per row, ten rows cost nearly ten times the CPU of one. As one batch they cost at most four times.',
  finding: 'A2',
  varies: 'rows a request, insert strategy',
  holds: `${connections} connections, one worker, all rows of a request stored or none`,
  timing: { processWarmupS: 4, warmupS: 1, durationS: 2, repeats: 3 },
  steps: strategies.flatMap(strategy => rowCounts.map(rows => step(strategy, rows))),
  conclude,
  reproduce,
}

function step(strategy: string, rows: number): Step {
  return {
    variant: `${strategy}, ${counted(rows, 'row')}`,
    knobs: { strategy, rows },
    service: { INSERT_STRATEGY: strategy },
    load: closed(connections),
    requests: [{ path: `/test-insert?rows=${rows}` }],
  }
}

function conclude(samples: readonly Sample[]): Conclusion {
  const costOf = (strategy: string, rows: number) =>
    find(samples, step(strategy, rows))?.cpuPerRequestUs.api ?? null
  const growths = strategies.flatMap(strategy => {
    const one = costOf(strategy, 1)
    const ten = costOf(strategy, 10)
    if (one === null || ten === null) return []
    return [`${spread(ratio(ten, one), 'times')} the CPU with ${strategy} (${spread(one, 'us')} for one row)`]
  })
  return {
    answer:
      growths.length === 0
        ? 'The CPU of the API could not be read.'
        : `Compared with one row, ten rows a request cost the API ${growths.join(', ')}.`,
    diagnosed: byThroughput(samples)[0] ?? null,
  }
}

/** From here on the thread that runs the JavaScript, and no wait for PostgreSQL, sets the pace. */
const busyThread = 0.75

function reproduce(samples: readonly Sample[]): Reproduction[] {
  const one = find(samples, step('prepared', 1))
  const ten = find(samples, step('prepared', 10))
  const thread = ten?.utilisation.apiThread
  return [
    reproduction({
      finding: 'A2',
      compared: 'one insert a request → ten, each a statement of its own',
      unit: 'requests/s',
      reported: [667, 300],
      reportedText: '500-1,000 (from 1-2 ms each) → about 300 requests/s a worker',
      ours: [one?.throughputPerS, ten?.throughputPerS],
      explanation:
        'in this service a request costs little apart from its inserts, so ten inserts cost nearly ten times as much',
    }),
    statement({
      finding: 'A2',
      compared: 'ten inserts a request: CPU of the service against waiting for the database',
      reported: 'CPU, not database latency, is the limit',
      ours: thread
        ? `its thread is busy or wants a core ${percent(thread.median)} of the time`
        : 'not measured',
      reproduced: thread !== undefined && thread !== null && thread.median >= busyThread,
      because: thread
        ? `event-loop utilisation ${spread(thread, 'of 1')}`
        : 'the utilisation of the thread could not be read',
    }),
  ]
}
