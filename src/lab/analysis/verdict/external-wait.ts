import { number, percent } from '../wording.ts'
import { atLeast, type Case, fillsTheHost, full, keptUp, middle, rate, threadWanted } from './case.ts'
import { confidenceOf, type Judgement } from './judgement.ts'
import { describePlacement, placementOf } from './whereabouts.ts'

/** A thread that is busy and wants a core less often than this is blocked. */
const blockedBelow = 0.6
/** Below it, requests do not wait for the thread. */
const threadAtEase = 0.7
/** Most requests, both of those in the service and of those that clients have sent. */
const most = 0.5

/** Requests wait for something that is neither CPU, nor the pool, nor PostgreSQL. */
export function externalWait(one: Case): Judgement | null {
  return blockedThread(one) ?? unaccountedWait(one)
}

/**
 * The event loop is busy all the time, and its thread neither runs nor stands in line for a core: it is
 * stuck inside a call that blocks, and everybody waits for that.
 */
function blockedThread(one: Case): Judgement | null {
  const { utilisation } = one.sample
  const wanted = threadWanted(one.sample)
  if (utilisation.apiThread === null || utilisation.apiThread.median < full) return null
  if (wanted === null || wanted >= blockedBelow) return null
  return {
    limit: 'external-wait',
    confidence: confidenceOf(true, wanted < blockedBelow / 2),
    sentence: `The service is stuck waiting for something outside it: its one thread is never free, yet works only ${percent(wanted)} of the time; it answered ${atLeast(one)}${rate(one)}.`,
    evidence: [
      `event-loop utilisation ${percent(utilisation.apiThread.median)}, while its thread had or wanted a core ${percent(wanted)} of the time`,
    ],
    next: 'Look for synchronous calls on the request’s way: a log written with sync to a slow disk or pipe, fs.*Sync, Atomics.wait; make them asynchronous.',
  }
}

/**
 * What is left of the requests' time after everything that the service's metrics account for. Of arrivals at a rate that
 * are all answered none is held up for long, wherever it waits.
 */
function unaccountedWait(one: Case): Judgement | null {
  const { load, utilisation } = one.sample
  if (keptUp(one)) return null
  const placement = placementOf(one.sample)
  const thread = middle(utilisation.apiThread)
  if (placement === null || thread === null || thread >= threadAtEase || fillsTheHost(one)) return null
  const waiting = placement.elsewhere - thread
  const clients = load.mode === 'closed' ? (load.connections ?? 1) : placement.service
  if (waiting < placement.service * most || waiting < clients * most || waiting < 1) return null
  return {
    limit: 'external-wait',
    confidence: confidenceOf(true, waiting >= placement.service * full),
    sentence: `Requests wait for something outside the service and its database: ${percent(waiting / placement.service)} of their time is neither work, nor a wait for a connection, nor PostgreSQL's; the service answered ${atLeast(one)}${rate(one)}.`,
    evidence: [
      describePlacement(placement),
      `the API's thread is busy ${percent(thread)}, so it is not what the ${number(waiting)} wait for`,
    ],
    next: 'Look in the traces for what lies between the spans: another service, a limit on calls to it, a timer; raise its concurrency, or take it off the request’s way.',
  }
}
