import { number, percent, shareSpread } from '../wording.ts'
import { type Case, demandOf, full, hostIsFull, middle, rate, threadWanted, uses } from './case.ts'
import { confidenceOf, type Judgement } from './judgement.ts'

const dropsTolerated = 0.001
/** Fewer requests than this share of the clients in the service: most clients have sent none. */
const arrivedAtLeast = 0.25
/**
 * Below it, a request that has arrived is not waiting unread in a socket for the thread. A thread that stands in
 * line for a core reads nothing either.
 */
const threadAtEase = 0.7
const stallsTolerated = 0.3
/** With fewer clients the way there and back is much of a round, without anyone being at fault. */
const fewestClients = 8

/** The generator that spends less CPU on a request than another; null: none of ours does. */
export const cheaperThan = { k6: 'autocannon', autocannon: 'wrk', wrk: null } as const

/** wrk has no rates. */
function cheaperFor({ generator, mode }: Case['sample']['load']): LoadGeneratorName | null {
  const cheaper = cheaperThan[generator]
  return cheaper === 'wrk' && mode !== 'closed' ? null : cheaper
}

type LoadGeneratorName = Case['sample']['load']['generator']

/** The generator could not send what it should: then the service was never tried. */
export function loadGenerator(one: Case): Judgement | null {
  const { load, utilisation, generatorStalled } = one.sample
  const generator = demandOf(one, 'generator')
  // A service whose CPU is unknown may be as full as the generator.
  const isKnown = demandOf(one, 'api') !== null || utilisation.apiThread !== null
  const busy = isKnown && generator !== null && generator.utilisation.median >= full
  // Where the host is full and the generator is what fills it most, the service never had its chance.
  const crowding =
    hostIsFull(one) &&
    utilisation.generator !== null &&
    utilisation.api !== null &&
    utilisation.database !== null &&
    utilisation.generator.median > utilisation.api.median + utilisation.database.median
  const drops = droppedArrivals(one)
  const absent = absentClients(one)
  if (!busy && !crowding && drops === null && absent === null) return null
  const cheaper = cheaperFor(load)
  const stalled = generatorStalled != null && generatorStalled.median >= stallsTolerated
  return {
    limit: 'load-generator',
    confidence: confidence({ drops, busy, signs: [absent !== null, stalled, crowding] }),
    sentence: `The load generator is the limit, not the service: it could send no more, so the service can do at least ${rate(one)}.`,
    evidence: [
      ...(generator === null ? [] : [uses(generator, load.generator)]),
      ...(drops ?? []),
      ...(absent ?? []),
      ...(stalled
        ? [`${load.generator} was due and did not run ${shareSpread(generatorStalled)} of the time`]
        : []),
    ],
    next: `Run the generator on another machine${cheaper === null ? '' : `, or a cheaper one (--generator ${cheaper})`}, and repeat.`,
  }
}

/** A generator that has used all the CPU it can use needs no second sign; arrivals may be dropped for other reasons. */
function confidence(of: { drops: string[] | null; busy: boolean; signs: readonly boolean[] }) {
  if (of.drops !== null) return 'medium'
  return of.busy ? 'high' : confidenceOf(...of.signs)
}

/**
 * Arrivals that were due and not sent. Where every client the generator may have is waiting inside the
 * service, that is the service's doing, not the generator's.
 */
function droppedArrivals({ sample: { load, errors, whereabouts } }: Case): string[] | null {
  const drops = errors.dropped.median
  const due = (load.ratePerS ?? 0) * load.durationS
  if (due === 0 || drops / due <= dropsTolerated) return null
  const inside = middle(whereabouts?.service)
  if (inside !== null && load.maxConnections !== undefined && inside >= load.maxConnections * full)
    return null
  return [`${number(drops)} of ${number(due)} arrivals were never sent`]
}

/** Clients that wait for an answer whose request has not arrived (Little's law on both sides of the wire). */
function absentClients({ sample }: Case): string[] | null {
  const { load, utilisation, whereabouts } = sample
  const inside = middle(whereabouts?.service)
  const { connections = 0, mode } = load
  if (inside === null || mode !== 'closed' || connections < fewestClients) return null
  const thread = middle(utilisation.apiThread)
  if (thread === null || Math.max(thread, threadWanted(sample) ?? 0) >= threadAtEase) return null
  if (inside >= connections * arrivedAtLeast) return null
  return [
    `of ${connections} requests on their way at any moment ${number(inside)} were in the service, whose thread was busy ${percent(thread)}: the others were still with the generator`,
  ]
}
