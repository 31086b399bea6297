import { ratio } from '../analysis/figures.ts'
import { number, spread } from '../analysis/wording.ts'
import type { LoadShape } from '../load/generator.ts'
import type { Sample } from '../results.ts'
import { cpuRatio } from './cpu-ratio.ts'
import {
  byThroughput,
  type Conclusion,
  closed,
  type Experiment,
  findUnder,
  open,
  type Step,
} from './experiment.ts'

const lingersMs = [0, 1, 2, 5]
const comparedMs = 2
/** Half of what one process takes, which is where batches are small. */
const arrivalsPerS = 5_000
const arrivals = open(arrivalsPerS, 200)
const waitingClients = closed(16)

/** Whether a batch should wait for more rows. */
export const batchLinger: Experiment = {
  name: 'batch-linger',
  question: 'Should a batch wait some milliseconds for more rows: what does it save, and who waits?',
  hypothesis:
    'A service that keeps up writes a few rows per batch, and a batch of three costs hardly less than one of twenty. If ' +
    'rows arrive at a rate, a wait of 2 ms makes a row a third cheaper for the API and half as expensive for PostgreSQL. ' +
    'Clients that wait for their answer send fewer rows instead.',
  finding: 'A3',
  varies: 'how long a batch waits for more rows (BATCH_LINGER_MS), arrivals or waiting clients',
  holds: 'one row a request, one worker, durable commits',
  timing: { processWarmupS: 4, warmupS: 2, durationS: 5, repeats: 3 },
  steps: [arrivals, waitingClients].flatMap(load => lingersMs.map(lingerMs => step(lingerMs, load))),
  conclude,
}

function step(lingerMs: number, load: LoadShape): Step {
  return {
    variant: variantOf(lingerMs),
    knobs: { lingerMs },
    service: { INSERT_STRATEGY: 'batched', BATCH_LINGER_MS: String(lingerMs) },
    load,
    requests: [{ path: '/test-insert' }],
  }
}

function variantOf(lingerMs: number): string {
  return lingerMs === 0 ? 'no waiting' : `${lingerMs} ms`
}

function conclude(samples: readonly Sample[]): Conclusion {
  const answers = [arrivalsAnswer(samples), waitingAnswer(samples)].filter(answer => answer !== null)
  return {
    answer: answers.length === 0 ? 'Waiting and not waiting were not both measured.' : answers.join(' '),
    diagnosed: byThroughput(samples)[0] ?? null,
  }
}

function arrivalsAnswer(samples: readonly Sample[]): string | null {
  const [atOnce, waiting] = pairUnder(arrivals, samples)
  if (atOnce === undefined || waiting === undefined) return null
  const latency = ({ p50, p99 }: Sample['latencyMs']) =>
    `p50 ${spread(p50, 'ms')} and p99 ${spread(p99, 'ms')}`
  return (
    `Where a batch waits ${comparedMs} ms for rows that arrive at ${number(arrivalsPerS)}/s,` +
    `${costsOf(waiting, atOnce)} ${latency(waiting.latencyMs)} instead of ${latency(atOnce.latencyMs)}.`
  )
}

function waitingAnswer(samples: readonly Sample[]): string | null {
  const [atOnce, waiting] = pairUnder(waitingClients, samples)
  if (atOnce === undefined || waiting === undefined) return null
  const rate = ratio(waiting.throughputPerS, atOnce.throughputPerS)
  return `Where clients wait for their answer,${costsOf(waiting, atOnce)} ${spread(rate, 'times')} the requests/s.`
}

/** What a row costs of what it costs without waiting, as far as that is known. */
function costsOf(waiting: Sample, atOnce: Sample): string {
  const costs = [cpuRatio('api', waiting, atOnce), cpuRatio('database', waiting, atOnce)].filter(
    cost => cost !== null,
  )
  return costs.length === 0 ? '' : ` a row costs ${costs.join(' and ')}, with`
}

function pairUnder(load: LoadShape, samples: readonly Sample[]): (Sample | undefined)[] {
  return [0, comparedMs].map(lingerMs => findUnder(samples, variantOf(lingerMs), load))
}
