import type { Load } from '../../results.ts'
import { number, percent, shareSpread } from '../wording.ts'
import { type Case, demandOf, full, middle, threadAtEase, uses } from './case.ts'
import { confidenceOf, type SuspectedLimit } from './suspected-limit.ts'

const dropsTolerated = 0.001
/** Fewer requests than this share of the clients in the service: most clients have sent none. */
const arrivedAtLeast = 0.25
const stallsTolerated = 0.3
/** With fewer clients the time on the network is a large part of each request. */
const fewestClients = 8

/** The generator that spends less CPU on a request than another; null: none of ours does. */
export const cheaperThan = { k6: 'undici', undici: 'wrk', autocannon: 'undici', wrk: null } as const

/** The cheaper generator that can send this load. wrk cannot hold a rate. */
function cheaperFor({ generator, mode }: Load) {
  const cheaper = cheaperThan[generator]
  return cheaper === 'wrk' && mode !== 'closed' ? null : cheaper
}

/** The generator could not send the load that it should, so the service was not tested. */
export function loadGenerator(one: Case): SuspectedLimit | null {
  const { load, utilisation, generatorStalled } = one.sample
  const generator = demandOf(one, 'generator')
  // A service whose CPU is unknown may be as full as the generator.
  const isKnown = demandOf(one, 'api') !== null || one.thread !== null
  const busy = isKnown && generator !== null && generator.utilisation.median >= full
  // The host is full, and the generator uses more of it than the API and PostgreSQL together.
  const crowding =
    one.hostIsFull &&
    utilisation.generator !== null &&
    utilisation.api !== null &&
    utilisation.database !== null &&
    utilisation.generator.median > utilisation.api.median + utilisation.database.median
  const drops = droppedArrivals(one)
  const absent = absentClients(one)
  if (!busy && !crowding && drops === false && absent === false) return null
  const cheaper = cheaperFor(load)
  const stalled = generatorStalled != null && generatorStalled.median >= stallsTolerated
  return {
    limit: 'load-generator',
    // Arrivals may be dropped for other reasons. A generator without CPU to spare needs no second sign.
    confidence: drops ? 'medium' : busy ? 'high' : confidenceOf(absent !== false, stalled, crowding),
    sentence: `The load generator is the limit, not the service: it could not send more. The service can do at least ${one.rate}.`,
    evidence: [
      generator !== null && uses(generator, load.generator),
      drops,
      absent,
      stalled &&
        `${load.generator} was ready to run and did not run, ${shareSpread(generatorStalled)} of the time`,
    ].filter(line => line !== false),
    next: `Run the generator on another machine${cheaper === null ? '' : `, or a cheaper one (--generator ${cheaper})`}, and repeat.`,
  }
}

/**
 * Arrivals that were due and not sent. Where every client of the generator waits inside the service, the service is
 * the cause, not the generator.
 */
function droppedArrivals({ sample: { load, errors, whereabouts } }: Case): string | false {
  const drops = errors.dropped.median
  const due = (load.ratePerS ?? 0) * load.durationS
  if (due === 0 || drops / due <= dropsTolerated) return false
  const inside = middle(whereabouts?.service)
  if (inside !== null && load.maxConnections !== undefined && inside >= load.maxConnections * full)
    return false
  return `${number(drops)} of ${number(due)} arrivals were never sent`
}

/** Clients that wait for an answer whose request has not arrived (Little's law on both sides of the wire). */
function absentClients({ sample, thread, threadWanted }: Case): string | false {
  const { load, whereabouts } = sample
  const inside = middle(whereabouts?.service)
  const { connections = 0, mode } = load
  if (inside === null || mode !== 'closed' || connections < fewestClients) return false
  if (thread === null || Math.max(thread, threadWanted ?? 0) >= threadAtEase) return false
  if (inside >= connections * arrivedAtLeast) return false
  return `only ${number(inside)} of ${connections} requests had reached the service at any moment, and its thread was busy ${percent(thread)} of the time: the generator had not sent the others`
}
