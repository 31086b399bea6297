import { workersOf } from '../demand.ts'
import { number, percent, spread } from '../wording.ts'
import {
  atLeast,
  type Case,
  demandOf,
  full,
  hostIsFull,
  othersCrowd,
  queuedForCore,
  rate,
  threadIsFull,
  uses,
} from './case.ts'
import { confidenceOf, type Judgement } from './judgement.ts'

/** The API's threads do all the work they can. */
export function apiCpu(one: Case): Judgement | null {
  const { sample, circumstances } = one
  const api = demandOf(one, 'api')
  if (api === null) return null
  const busy = api.utilisation.median >= full
  // Where others take the core that it wants, it is full all the same.
  const kept = othersCrowd(one) && threadIsFull(one)
  if (!busy && !kept) return null
  const thread = sample.utilisation.apiThread
  const workers = workersOf(sample)
  const who = workers === 1 ? 'its one thread is' : `its ${workers} threads are`
  const share = Math.min(1, kept && thread !== null ? thread.median : api.utilisation.median)
  return {
    limit: 'api-cpu',
    confidence: hostIsFull(one) ? 'medium' : confidenceOf(busy, thread !== null && thread.median >= full),
    sentence: `The API's own CPU is the limit: ${who} busy ${percent(share)} of the time, at ${number(api.demandUs.median)} us a request; it answered ${atLeast(one)}${rate(one)}.`,
    evidence: [
      uses(api, 'the API'),
      ...(thread === null ? [] : [`event-loop utilisation ${spread(thread, 'of 1')}`]),
      ...(hostIsFull(one) ? ['the host is full as well, so a core more would help too'] : []),
      ...queuedForCore(one),
    ],
    next:
      workers < circumstances.cores
        ? 'Spend less CPU on each request (see the layers in its profile), or add a worker: WORKERS is below the number of cores.'
        : 'Spend less CPU on each request (see the layers in its profile), or add cores and workers.',
  }
}
