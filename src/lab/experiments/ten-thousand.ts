import { number, spread } from '../analysis/wording.ts'
import type { Sample } from '../results.ts'
import { type Conclusion, type Experiment, open, type Step } from './experiment.ts'

/** Half as many again at each step, so that the limit is known to a third. */
const ratesPerS = [5_000, 10_000, 15_000, 20_000, 30_000]
const objective = { ratePerS: 10_000, p99Ms: 50 }
/** Arrivals that find all of these busy are dropped and counted: at 10,000/s they allow 100 ms an answer. */
const maxConnections = 1_000

/** Finding A3: the asker wanted more than 10,000 requests/s, whatever the answers take meanwhile. */
export const tenThousand: Experiment = {
  name: 'ten-thousand',
  question: 'Does one process take 10,000 inserts a second that arrive whether or not it keeps up?',
  hypothesis:
    `${number(objective.ratePerS)} arrivals a second are answered with a p99 under ${objective.p99Ms} ms and no ` +
    'error, on two cores that also run PostgreSQL and the generator.',
  finding: 'A3',
  varies: 'arrival rate',
  holds: 'batched inserts of one row, one worker, telemetry full, durable commits',
  timing: { breakInS: 8, warmupS: 2, durationS: 10, repeats: 3 },
  steps: ratesPerS.map(
    (ratePerS): Step => ({
      variant: 'batched',
      knobs: { strategy: 'batched' },
      service: { INSERT_STRATEGY: 'batched' },
      load: open(ratePerS, maxConnections),
      requests: [{ path: '/test-insert' }],
    }),
  ),
  conclude,
}

function conclude(samples: readonly Sample[]): Conclusion {
  const measured = samples.toSorted((a, b) => rateOf(a) - rateOf(b))
  const wanted = measured.find(sample => rateOf(sample) === objective.ratePerS)
  const highest = measured.filter(holds).at(-1)
  const verdictOnGoal =
    wanted === undefined
      ? `${number(objective.ratePerS)}/s was not measured.`
      : `${number(objective.ratePerS)} arrivals/s ${holds(wanted) ? 'hold' : 'do not hold'}: ` +
        `${spread(wanted.throughputPerS, 'answers/s')}, p99 ${spread(wanted.latencyMs.p99, 'ms')}.`
  const limit =
    highest === undefined
      ? 'No rate held.'
      : `The highest rate that held is ${number(rateOf(highest))}/s, with a p99 of ${spread(highest.latencyMs.p99, 'ms')}.`
  return {
    answer: `${verdictOnGoal} ${limit}`,
    accused: measured.find(sample => !holds(sample)) ?? highest ?? null,
  }
}

/** In every repeat: all arrivals answered (to a percent of clock), the p99 within the objective, no error. */
function holds(sample: Sample): boolean {
  const { throughputPerS, latencyMs, errors } = sample
  return (
    throughputPerS.low >= 0.99 * rateOf(sample) &&
    latencyMs.p99.high <= objective.p99Ms &&
    errors.ratio.high === 0 &&
    errors.dropped.high === 0
  )
}

function rateOf({ load }: Sample): number {
  return load.ratePerS ?? 0
}
