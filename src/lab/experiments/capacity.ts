import { ratio } from '../analysis/figures.ts'
import { counted, spread } from '../analysis/wording.ts'
import type { Sample } from '../results.ts'
import { byThroughput, type Conclusion, closed, type Experiment, find, type Step } from './experiment.ts'

const clients = [1, 2, 4, 8, 16, 32, 64]
const busiest = Math.max(...clients)

/** What `plan` reads, and the steps by which it checks itself. */
export const capacity: Experiment = {
  name: 'capacity',
  question:
    'What does an insert cost on this machine, so that I can plan workers and databases for any rate?',
  hypothesis:
    'A request, a row and a batch each have a cost. From these costs, the time of a commit and the number of cores the ' +
    'throughput of a full machine, and of two workers, can be predicted within 20 %. `plan` shows how close it came.',
  varies: 'connections, rows a request, workers',
  holds: 'group commit, durable commits, everything on the same cores',
  timing: { processWarmupS: 6, warmupS: 1, durationS: 2, repeats: 5 },
  steps: [
    ...clients.map(connections => step(1, connections, 1)),
    ...[8, busiest].map(connections => step(1, connections, 10)),
    ...[16, busiest].map(connections => step(2, connections, 1)),
    // What a request costs to send with what sends it in a cluster.
    { ...step(1, 32, 1), variant: 'not from the cheapest generator', usualGenerator: true },
  ],
  conclude,
}

function step(workers: number, connections: number, rows: number): Step {
  return {
    variant: `${counted(workers, 'worker')}, ${counted(rows, 'row')}`,
    knobs: { strategy: 'batched', workers, rows },
    service: { WORKERS: String(workers), INSERT_STRATEGY: 'batched' },
    load: closed(connections),
    requests: [{ path: `/test-insert?rows=${rows}` }],
  }
}

function conclude(samples: readonly Sample[]): Conclusion {
  const [one, two] = [1, 2].map(workers => find(samples, step(workers, busiest, 1)))
  const diagnosed = one ?? byThroughput(samples)[0] ?? null
  if (one === undefined || two === undefined)
    return { answer: 'One worker and two workers were not both measured.', diagnosed }
  return {
    answer:
      `One worker answers ${spread(one.throughputPerS, 'requests/s')} to ${busiest} clients. Two on the same ` +
      `cores answer ${spread(ratio(two.throughputPerS, one.throughputPerS), 'times')} as many. ` +
      '`npm run lab -- plan --rate …` plans from these figures.',
    diagnosed,
  }
}
