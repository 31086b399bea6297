import { number, percent } from '../wording.ts'
import { type Case, full, keptUp, threadAtEase } from './case.ts'
import { describeLocations, locationsOf } from './locations.ts'
import { confidenceOf, type SuspectedLimit } from './suspected-limit.ts'

/** A thread that is busy and wants a core less often than this is blocked. */
const blockedBelow = 0.6
/** Most requests, both of those in the service and of those that clients have sent. */
const most = 0.5

/** Requests wait for something that is neither CPU, nor the pool, nor PostgreSQL. */
export function externalWait(one: Case): SuspectedLimit | null {
  return blockedThread(one) ?? unaccountedWait(one)
}

/**
 * The event loop is busy all the time, and its thread neither runs nor waits for a core: it is inside a call that
 * blocks, and every request waits for it.
 */
function blockedThread(one: Case): SuspectedLimit | null {
  const { thread, threadWanted: wanted } = one
  if (thread === null || thread < full || wanted === null || wanted >= blockedBelow) return null
  return {
    limit: 'external-wait',
    confidence: confidenceOf(true, wanted < blockedBelow / 2),
    sentence: `The service waits for something outside it: its one thread is never free, but it works only ${percent(wanted)} of the time. It answered ${one.rateAtLeast}.`,
    evidence: [
      `event-loop utilisation ${percent(thread)}, while its thread had or wanted a core ${percent(wanted)} of the time`,
    ],
    next: 'Look for synchronous calls in the request handlers: a log written with sync to a slow disk or pipe, fs.*Sync, Atomics.wait; make them asynchronous.',
  }
}

/**
 * The part of the requests' time that the service's metrics do not account for. Where all arrivals at a rate are
 * answered, no request waits for long.
 */
function unaccountedWait(one: Case): SuspectedLimit | null {
  const { thread, sample } = one
  if (keptUp(one)) return null
  const locations = locationsOf(sample)
  if (locations === null || thread === null || thread >= threadAtEase || one.fillsTheHost) return null
  const waiting = locations.elsewhere - thread
  const clients = sample.load.mode === 'closed' ? (sample.load.connections ?? 1) : locations.service
  if (waiting < locations.service * most || waiting < clients * most || waiting < 1) return null
  return {
    limit: 'external-wait',
    confidence: confidenceOf(true, waiting >= locations.service * full),
    sentence: `Requests wait for something outside the service and its database: for ${percent(waiting / locations.service)} of their time they neither run, nor wait for a connection, nor wait for PostgreSQL. The service answered ${one.rateAtLeast}.`,
    evidence: [
      describeLocations(locations),
      `the API's thread is busy ${percent(thread)} of the time, so the ${number(waiting)} requests do not wait for it`,
    ],
    next: 'Look in the traces for gaps between spans: another service, a limit on calls to it, a timer. Raise its concurrency, or remove it from the request.',
  }
}
