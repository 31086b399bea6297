import { lockQueue } from '../analysis/diagnosis/database-locks.ts'
import { meanResponseMs, requestsInFlight } from '../analysis/little.ts'
import { number, percent, spread } from '../analysis/wording.ts'
import { byThroughput } from '../experiments/experiment.ts'
import type { Diagnosis, Figure, Limit, Sample } from '../results.ts'

/** More clients brought no more answers: the rates of two steps are this close. */
const sameRate = 1.15
/** A step with at least so many times the clients of another shows it. */
const moreClients = 2
/** A CPU below it is not what requests wait for. */
const atEase = 0.7
/** Sessions that are neither idle nor few to spare: all connections of a pool are lent. */
const allLent = 0.85
/** How far the two counts of what is worked on at once may lie apart: the sweep's, and PostgreSQL's. */
const sameCount = 1.5

/**
 * What a closed sweep proves of a service without metrics where its CPU explains nothing: more clients only
 * wait longer, so there is a limit on how many requests it works on at once, and by Little's law
 * (N = X * R, with the mean latency of one client alone, which never queues) the sweep says how many.
 *
 * Whether the limit is a pool of database connections can be seen only in the database: all of so many
 * sessions busy at any moment, while PostgreSQL has time. Everything else of the kind (a semaphore, a pool of
 * threads, another service) looks the same from outside, and is called so.
 */
export function fromOutside(diagnosis: Diagnosis, sweep: readonly Sample[]): Diagnosis {
  const finding = locksUnderLoad(sweep) ?? waitIn(sweep)
  if (finding === null) return diagnosis
  const { limit, evidence, sentence, next } = finding
  const cause = { limit, evidence }
  const [first, ...others] = diagnosis.causes.filter(
    one => one.limit !== 'inconclusive' && one.limit !== limit,
  )
  const isDoubtful = diagnosis.limit === 'inconclusive' || diagnosis.confidence === 'low'
  if (isDoubtful) {
    const causes = [cause, ...(first === undefined ? [] : [first]), ...others]
    return { ...diagnosis, limit, confidence: 'medium', sentence, causes, next, ceiling: null }
  }
  // A machine that others keep busy comes first, whatever the service waits for.
  return spoilt.has(diagnosis.limit) && first !== undefined
    ? { ...diagnosis, causes: [first, cause, ...others] }
    : diagnosis
}

const spoilt: ReadonlySet<Limit> = new Set(['environment', 'host-cpu', 'load-generator'])

type Finding = Pick<Diagnosis, 'limit' | 'sentence' | 'next'> & { readonly evidence: string[] }

function waitIn(sweep: readonly Sample[]): Finding | null {
  const plateau = plateauOf(sweep)
  if (plateau === null || !isAtEase(plateau.last)) return null
  const { before, last, slots } = plateau
  const evidence = [
    `${rateOf(before)}${meanWait(before)}; ${rateOf(last)}${meanWait(last)}: more clients only wait longer`,
    `at the mean latency of one client alone, that rate is ${number(slots)} requests at once`,
    ...cpuOf(last),
  ]
  const pool = lentSessions(last, slots)
  if (pool !== null) {
    return {
      limit: 'connection-pool',
      sentence: `The pool of database connections is the limit: its ${number(pool.all)} sessions are busy ${percent(pool.busy / pool.all)} of the time, while PostgreSQL and the service have time to spare.`,
      evidence: [
        `PostgreSQL has ${number(pool.all)} sessions of this database, ${number(pool.busy)} of them busy at any moment`,
        ...evidence,
      ],
      next: 'Raise the size of the pool one step and look whether the rate follows; or keep each connection for less time.',
    }
  }
  return {
    limit: 'external-wait',
    sentence: `The service works on about ${Math.round(slots)} requests at a time and waits, without using its CPU, for something outside it: it answered ${number(last.throughputPerS.median)} requests/s, however many clients asked.`,
    evidence,
    next:
      last.postgres === undefined
        ? `Look for what lets ${Math.round(slots)} requests through at a time: a pool, a semaphore, another service. --database tells whether it is the pool of database connections, or a lock.`
        : `Look for what lets ${Math.round(slots)} requests through at a time: a semaphore, a pool of threads, another service.`,
  }
}

/**
 * Sessions that wait for locks under the most clients of a closed sweep, who got no more answers than fewer clients
 * did. The sample with the highest rate may have only two clients, and then hardly any session waits.
 */
function locksUnderLoad(sweep: readonly Sample[]): Finding | null {
  const [most, ...fewer] = sweep.toSorted((a, b) => clientsOf(b) - clientsOf(a))
  const [best] = byThroughput(fewer)
  const queue = most === undefined ? null : lockQueue(most)
  if (most === undefined || queue === null || best === undefined) return null
  if (most.throughputPerS.median > best.throughputPerS.median * sameRate) return null
  return {
    limit: 'database-locks',
    sentence: `${queue.sentence}: ${number(most.throughputPerS.median)} requests/s, however many clients asked.`,
    evidence: [`${rateOf(best)}; ${rateOf(most)}: more clients only wait longer`, ...queue.evidence],
    next: queue.next,
  }
}

function rateOf(sample: Sample): string {
  return `${clientsOf(sample)} connections: ${spread(sample.throughputPerS, 'requests/s')}`
}

/**
 * The fewest clients that got the highest rate, the most clients, and how many requests the service works on at once.
 * null where more clients still bring more answers.
 */
function plateauOf(sweep: readonly Sample[]) {
  const sorted = sweep.toSorted((a, b) => clientsOf(a) - clientsOf(b))
  const [single] = sorted
  const last = sorted.at(-1)
  if (single === undefined || last === undefined || clientsOf(single) !== 1) return null
  const before = sorted.find(
    sample =>
      sample.throughputPerS.median * sameRate >= last.throughputPerS.median &&
      sample.throughputPerS.median <= last.throughputPerS.median * sameRate,
  )
  if (before === undefined || clientsOf(last) < moreClients * clientsOf(before)) return null
  const mean = meanOf(single)
  return mean === null
    ? null
    : { before, last, slots: requestsInFlight(last.throughputPerS.median, mean.median) }
}

/** The mean that the generator measured, or the one that follows from the rate by Little's law, which needs means. */
function meanOf(sample: Sample): Figure | null {
  return sample.latencyMs.mean ?? meanResponseMs(sample)
}

function meanWait(sample: Sample): string {
  const mean = meanOf(sample)
  return mean === null ? '' : `, ${spread(mean, 'ms')} on average`
}

/** Known to have time: an unknown CPU proves nothing. */
function isAtEase({ utilisation }: Sample): boolean {
  const { api, apiThread } = utilisation
  const busy = Math.max(api?.median ?? 1, apiThread?.median ?? 0)
  return busy < atEase && (utilisation.database?.median ?? 0) < atEase
}

function cpuOf({ utilisation: { api, database } }: Sample): string[] {
  return [
    ...(api === null ? [] : [`the service uses ${percent(api.median)} of one core`]),
    ...(database === null ? [] : [`PostgreSQL uses ${percent(database.median)} of one core`]),
  ]
}

/** All sessions of the database and the busy ones, where they are as many as the sweep says and hardly idle. */
function lentSessions({ postgres }: Sample, slots: number): { all: number; busy: number } | null {
  if (postgres === undefined) return null
  const all = Object.values(postgres.sessions).reduce((sum, { median }) => sum + median, 0)
  const busy = all - (postgres.sessions['idle']?.median ?? 0)
  const agrees = Math.max(busy, slots) <= sameCount * Math.min(busy, slots)
  return busy >= allLent * all && agrees ? { all, busy } : null
}

function clientsOf({ load }: Sample): number {
  return load.connections ?? 0
}
