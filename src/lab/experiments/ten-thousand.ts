import { number, spread } from '../analysis/wording.ts'
import type { Reproduction, Sample } from '../results.ts'
import { type Conclusion, type Experiment, open, type Step } from './experiment.ts'
import { holds, notSent, rateOf } from './rate-goal.ts'
import { statement } from './reproduction.ts'

const goal = { ratePerS: 10_000, p99Ms: 50, answeredShare: 0.99 }
/**
 * By Little's law so many are on their way while every answer takes four fifths of what the slowest may: a stall of
 * that length drops no arrival, a longer one does, and they are counted.
 */
const maxConnectionsAt = (ratePerS: number) => Math.ceil((ratePerS * goal.p99Ms * 0.8) / 1000)

/** Finding A3: the asker wanted more than 10,000 requests/s, whatever the answers take meanwhile. */
export const tenThousand: Experiment = {
  name: 'ten-thousand',
  question: 'Can one process take 10,000 inserts per second that arrive whether or not it keeps up?',
  hypothesis:
    `${number(goal.ratePerS)} arrivals a second are answered with a p99 under ${goal.p99Ms} ms and no ` +
    'error, on two cores that also run PostgreSQL and the generator.',
  finding: 'A3',
  varies: 'arrival rate: the wanted one, then a search for the highest that is answered in time',
  holds: 'batched inserts of one row, one worker, telemetry full, durable commits',
  timing: { processWarmupS: 4, warmupS: 2, durationS: 5, repeats: 3 },
  steps: [arrivalsAt(goal.ratePerS)],
  search: { atMost: 5, next: nextRate },
  conclude,
  reproduce,
}

function arrivalsAt(ratePerS: number): Step {
  return {
    variant: 'batched',
    knobs: { strategy: 'batched' },
    service: { INSERT_STRATEGY: 'batched' },
    load: open(ratePerS, maxConnectionsAt(ratePerS)),
    requests: [{ path: '/test-insert' }],
  }
}

/** The limit is known well enough when a rate that holds and one that does not are this close. */
const closeEnough = 1.1
const roundToPerS = 500

/** Doubles or halves until one rate holds and another does not, and then parts what is between them. */
function nextRate(samples: readonly Sample[]): Step | null {
  const failing = samples.filter(sample => !isHeld(sample)).map(rateOf)
  const lowestFailing = Math.min(...failing)
  const holding = samples.filter(isHeld).map(rateOf)
  const highestHolding = Math.max(0, ...holding.filter(rate => rate < lowestFailing))
  if (samples.length === 0 || lowestFailing <= closeEnough * highestHolding) return null
  const between =
    failing.length === 0
      ? 2 * highestHolding
      : highestHolding === 0
        ? lowestFailing / 2
        : Math.sqrt(highestHolding * lowestFailing)
  const ratePerS = Math.round(between / roundToPerS) * roundToPerS
  return ratePerS <= highestHolding || ratePerS >= lowestFailing || ratePerS === 0
    ? null
    : arrivalsAt(ratePerS)
}

function conclude(samples: readonly Sample[]): Conclusion {
  const measured = samples.toSorted((a, b) => rateOf(a) - rateOf(b))
  const wanted = measured.find(sample => rateOf(sample) === goal.ratePerS)
  const highest = measured.filter(isHeld).at(-1)
  const goalText =
    wanted === undefined
      ? `${number(goal.ratePerS)}/s was not measured.`
      : `${number(goal.ratePerS)} arrivals/s are ${isHeld(wanted) ? '' : 'not '}answered in time: ` +
        `${spread(wanted.throughputPerS, 'answers/s')}, p99 ${spread(wanted.latencyMs.p99, 'ms')}.`
  const limit =
    highest === undefined
      ? 'No rate was answered in time.'
      : `The highest rate answered in time is ${number(rateOf(highest))}/s, with a p99 of ${spread(highest.latencyMs.p99, 'ms')}.`
  return {
    answer: [goalText, limit, notSent(measured)].filter(Boolean).join(' '),
    // What keeps it from the goal; where that is reached, from the next rate.
    diagnosed: [...(wanted ? [wanted] : []), ...measured].find(sample => !isHeld(sample)) ?? highest ?? null,
  }
}

function isHeld(sample: Sample): boolean {
  return holds(sample, goal)
}

function reproduce(samples: readonly Sample[]): Reproduction[] {
  const wanted = samples.find(sample => rateOf(sample) === goal.ratePerS)
  const reproduced = wanted !== undefined && isHeld(wanted)
  return [
    statement({
      finding: 'A3',
      compared: `${number(goal.ratePerS)} inserts a second that arrive whether or not it keeps up`,
      reported: 'wanted: more than 10,000 requests/s',
      ours: wanted
        ? `${spread(wanted.throughputPerS, 'answers/s')} (${wanted.load.mode}, ${wanted.load.generator}), p99 ${spread(wanted.latencyMs.p99, 'ms')}`
        : 'not measured',
      reproduced,
      because: reproduced
        ? `answered in every repeat, with a p99 within ${goal.p99Ms} ms, no error and at most ${number(wanted.errors.dropped.high)} arrivals dropped`
        : wanted
          ? `this machine did not answer them in time: ${number(wanted.errors.dropped.high)} arrivals dropped, p99 up to ${number(wanted.latencyMs.p99.high)} ms`
          : 'it was not measured',
    }),
  ]
}
