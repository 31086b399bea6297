import { describeFailures } from '../analysis/diagnosis/failing.ts'
import { fewestConcurrencies } from '../analysis/usl.ts'
import { counted, number, percent, spread } from '../analysis/wording.ts'
import {
  byThroughput,
  type Conclusion,
  closed,
  type Experiment,
  open,
  type Step,
  type Timing,
} from '../experiments/experiment.ts'
import { holds, notSent, type RateGoal, rateOf } from '../experiments/rate-goal.ts'
import { remedyFor } from '../load/first-request.ts'
import { nameOf, prepareRequest } from '../load/prepare-request.ts'
import type { RequestTemplate } from '../load/templates.ts'
import type { Diagnosis, Figure, Sample } from '../results.ts'
import { masked } from '../secrets.ts'
import { fromOutside } from './from-outside.ts'

export interface AttachPlan {
  /** Names the target in tables and plots. */
  readonly target: string
  readonly requests: readonly RequestTemplate[]
  /** The address that the requests are for. */
  readonly baseUrl: string
  /** Why the CPU of the service cannot be read, in a sentence. null: it can be read. */
  readonly cpuUnknown: string | null
  readonly maxConnections: number
  /** Take a CPU profile under the most connections. */
  readonly profile: boolean
  readonly maxRatePerS: number
  /** What a rate must hold: its 99th percentile, ms. */
  readonly p99Ms: number
  /** `repeats`: measurements of a step at most. */
  readonly timing: Timing
}

/** Of the arrivals; a service that nobody knows is given more room than ours. */
const answeredShare = 0.97
/** Rates that the search tries. */
const ratesAtMost = 4
/** The limit is known well enough when a rate that holds and one that does not are this close. */
const closeEnough = 1.1

/** Steps of the sweep that are worth repeating: one client, the highest rate, the most clients. */
const repeated = 3
/** Two measurements that differ by more than this share do not settle the diagnosis, so there is a third. */
const clearEnough = 0.1

/**
 * How far does a service go that we know nothing of, and what stops it?
 *
 * The sweep is measured once, so that first figures are there soon. Then a measurement is repeated only if the answer
 * depends on it and its spread is unknown or wide. Then a rate that holds is searched for.
 */
export function attachExperiment(plan: AttachPlan): Experiment {
  return {
    name: 'attach',
    question: `How many requests a second does ${plan.target} answer to ${requestsOf(plan)}, and what limits it?`,
    hypothesis: 'None: the service is not ours.',
    varies: 'connections, then the rate of arrivals',
    holds: 'the requests',
    timing: { ...plan.timing, repeats: 1 },
    steps: sweptConnections(plan.maxConnections).map(connections => sweepStep(plan, connections)),
    search: {
      atMost: (repeated + 1) * (plan.timing.repeats - 1) + ratesAtMost,
      next: samples => narrowing(plan, samples) ?? nextRate(plan, samples) ?? confirmingRate(plan, samples),
    },
    // The lab cannot change a setting of the service.
    confirms: false,
    conclude: samples => conclude(plan, samples),
  }
}

/** The requests as they are sent, without their secrets. */
function requestsOf({ baseUrl, requests }: AttachPlan): string {
  return masked(requests.map(request => nameOf(prepareRequest(baseUrl, request))).join(', '))
}

/**
 * 1, 2, 4 … up to the largest, which is one of them. Where those are too few for the scaling law, the widest gaps are
 * filled.
 */
function sweptConnections(most: number): number[] {
  const exponents = Array.from({ length: Math.ceil(Math.log2(most)) }, (_, exponent) => exponent)
  const swept = [...exponents.map(exponent => 2 ** exponent), most]
  while (swept.length < Math.min(fewestConcurrencies, most)) {
    const gaps = swept.slice(1).map((next, i) => ({ i, from: swept[i] ?? 1, next }))
    const [widest] = gaps
      .filter(({ from, next }) => next - from > 1)
      .toSorted((a, b) => b.next / b.from - a.next / a.from)
    if (widest === undefined) break
    swept.splice(widest.i + 1, 0, Math.round((widest.from + widest.next) / 2))
  }
  return swept
}

function sweepStep(plan: AttachPlan, connections: number): Step {
  const profile = plan.profile && connections === plan.maxConnections
  return { ...stepOf(plan), load: closed(connections), profile }
}

function rateStep(plan: AttachPlan, ratePerS: number): Step {
  return { ...stepOf(plan), load: open(ratePerS, plan.maxConnections), usualGenerator: true }
}

function stepOf({ target, requests }: AttachPlan) {
  return { variant: target, knobs: {}, requests }
}

function goalOf({ p99Ms }: AttachPlan): RateGoal {
  return { p99Ms, answeredShare }
}

/** The step of the sweep whose repeat narrows the answer most, or null if no repeat is needed. */
function narrowing(plan: AttachPlan, samples: readonly Sample[]): Step | null {
  const sweep = closedOf(samples)
  const [best] = byThroughput(sweep)
  const byClients = sweep.toSorted((a, b) => (a.load.connections ?? 0) - (b.load.connections ?? 0))
  const needed = new Set([best, byClients[0], byClients.at(-1)].filter(one => one !== undefined))
  const [widest] = [...needed]
    .filter(({ throughputPerS }) => isOpenQuestion(throughputPerS, plan.timing.repeats))
    .toSorted((a, b) => a.throughputPerS.repeats - b.throughputPerS.repeats || widthOf(b) - widthOf(a))
  const connections = widest?.load.connections
  return connections === undefined ? null : sweepStep(plan, connections)
}

/** Repeats the highest rate that held: one measurement does not show that it holds. */
function confirmingRate(plan: AttachPlan, samples: readonly Sample[]): Step | null {
  const highest = highestHolding(plan, samples)
  if (highest === undefined || highest.throughputPerS.repeats >= plan.timing.repeats) return null
  return rateStep(plan, rateOf(highest))
}

function isOpenQuestion(figure: Figure, repeatsAtMost: number): boolean {
  if (figure.repeats >= repeatsAtMost) return false
  return figure.repeats < 2 || figure.high - figure.low > clearEnough * figure.median
}

function widthOf({ throughputPerS: { low, high, median } }: Sample): number {
  return median === 0 ? 0 : (high - low) / median
}

function highestHolding(plan: AttachPlan, samples: readonly Sample[]): Sample | undefined {
  const goal = goalOf(plan)
  return samples
    .filter(sample => isOpen(sample) && holds(sample, goal))
    .toSorted((a, b) => rateOf(b) - rateOf(a))[0]
}

function nextRate(plan: AttachPlan, samples: readonly Sample[]): Step | null {
  if (samples.filter(isOpen).length >= ratesAtMost) return null
  const goal = goalOf(plan)
  const ceilingPerS = byThroughput(closedOf(samples))[0]?.throughputPerS.median ?? 0
  const rates = samples.filter(isOpen)
  const holding = rates.filter(sample => holds(sample, goal)).map(rateOf)
  const failing = rates.filter(sample => !holds(sample, goal)).map(rateOf)
  const highest = Math.max(0, ...holding)
  // What a closed loop could not get is beyond reach; nobody has to try it.
  const lowest = Math.min(closeEnough * ceilingPerS, plan.maxRatePerS * closeEnough, ...failing)
  if (lowest <= closeEnough * highest) return null
  const ratePerS = Math.floor(
    Math.min(plan.maxRatePerS, highest === 0 ? 0.7 * lowest : Math.sqrt(highest * lowest)),
  )
  if (ratePerS <= highest || ratePerS < 1) return null
  return rateStep(plan, ratePerS)
}

function conclude(plan: AttachPlan, samples: readonly Sample[]): Conclusion {
  const sweep = closedOf(samples)
  const [best] = byThroughput(sweep)
  const single = sweep.find(({ load }) => load.connections === 1)
  if (best === undefined) return { answer: 'Nothing was measured.', diagnosed: null }
  const highest = highestHolding(plan, samples)
  const diagnosed = withCores(best, sweep)
  return {
    answer: [
      `The most that it answered: ${spread(best.throughputPerS, 'requests/s')}, at ${counted(best.load.connections ?? 0, 'connection')}.`,
      single === undefined ? '' : `One client alone waits ${spread(single.latencyMs.p50, 'ms')}.`,
      highest === undefined
        ? noRateHeld(plan, samples)
        : `${number(rateOf(highest))} arrivals/s are answered in time: at least ${percent(answeredShare)} answered, p99 ${spread(highest.latencyMs.p99, 'ms')} (wanted: ${number(plan.p99Ms)} ms).`,
      notSent(samples.filter(isOpen)),
    ]
      .filter(Boolean)
      .join(' '),
    diagnosed,
    ...(single !== undefined && single !== best && { predictFrom: withCores(single, sweep) }),
    refine: diagnosis => withReason(fromOutside(diagnosis, sweep), plan.cpuUnknown),
  }
}

function noRateHeld({ p99Ms }: AttachPlan, samples: readonly Sample[]): string {
  const tried = samples.filter(isOpen).map(rateOf)
  if (tried.length === 0) return ''
  return `No rate of arrivals was answered in time (wanted: at least ${percent(answeredShare)} answered, p99 at most ${number(p99Ms)} ms). The lowest that was tried is ${number(Math.min(...tried))}/s.`
}

/** Says why the CPU of the service is unknown, and how to get it. */
function withReason(diagnosis: Diagnosis, cpuUnknown: string | null): Diagnosis {
  if (cpuUnknown === null) return diagnosis
  const [first, ...others] = diagnosis.causes
  const causes =
    first === undefined ? [] : [{ ...first, evidence: [cpuUnknown, ...first.evidence] }, ...others]
  return { ...diagnosis, causes, ...(diagnosis.limit === 'inconclusive' && { next: cpuUnknown }) }
}

/** Cores that the target was seen to use in any step, whole ones: what "full" is of a process not ours. */
function withCores(sample: Sample, sweep: readonly Sample[]): Sample {
  const most = Math.max(0, ...sweep.map(({ utilisation }) => utilisation.api?.median ?? 0))
  // A busy thread reads a little over one core: helper threads, and 10 ms ticks.
  const workers = Math.max(1, Math.ceil(most - tickOfACore))
  return { ...sample, knobs: { ...sample.knobs, workers } }
}

const tickOfACore = 0.15

function closedOf(samples: readonly Sample[]): Sample[] {
  return samples.filter(sample => !isOpen(sample))
}

function isOpen({ load }: Sample): boolean {
  return load.mode !== 'closed'
}

export interface Trouble {
  readonly what: string
  readonly remedy: string
}

/** Why no more load should be sent, or null: too large a share of a step's requests failed, or none was answered. */
export function troubleIn(samples: readonly Sample[], toleratedShare: number): Trouble | null {
  for (const { label, errors, failures, throughputPerS } of samples) {
    if (errors.ratio.high > toleratedShare) {
      return {
        what: `${percent(errors.ratio.high)} of the requests of "${label}" failed${describeFailures(failures)}`,
        remedy: `${remedyOf(failures)} --max-errors tolerates more.`,
      }
    }
    if (throughputPerS.low === 0) {
      return {
        what: `"${label}" got no answer`,
        remedy: 'Give it longer with --timeout <s>, or fewer clients.',
      }
    }
  }
  return null
}

/** What to do about the most frequent failure. */
function remedyOf(failures: Sample['failures'] = {}): string {
  const [most] = Object.entries(failures).toSorted(([, a], [, b]) => b.median - a.median)
  return remedyFor(Number(most?.[0]), undefined, 'Find the first error in the log of the service.')
}
