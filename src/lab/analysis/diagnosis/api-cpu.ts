import { workersOf } from '../demand.ts'
import { number, percent, spread } from '../wording.ts'
import { type Case, demandOf, full, uses } from './case.ts'
import { confidenceOf, type SuspectedLimit } from './suspected-limit.ts'

/** The API's threads are busy all the time. */
export function apiCpu(one: Case): SuspectedLimit | null {
  const { sample, circumstances } = one
  const api = demandOf(one, 'api')
  if (api === null) return null
  const busy = api.utilisation.median >= full
  // It is full too where other programs use the core that it wants: its threads have work, or are in line, all the time.
  const kept = one.othersCrowd && (one.thread ?? 0) >= full && (one.threadWanted ?? full) >= full
  if (!busy && !kept) return null
  const thread = sample.utilisation.apiThread
  const workers = workersOf(sample)
  const who = workers === 1 ? 'its one thread is' : `its ${workers} threads are`
  const share = Math.min(1, kept && thread !== null ? thread.median : api.utilisation.median)
  return {
    limit: 'api-cpu',
    confidence: one.hostIsFull ? 'medium' : confidenceOf(busy, thread !== null && thread.median >= full),
    sentence: `The API's own CPU is the limit: ${who} busy ${percent(share)} of the time, with ${number(api.demandUs.median)} us of CPU per request. It answered ${one.rateAtLeast}.`,
    evidence: [
      uses(api),
      thread !== null && `event-loop utilisation ${spread(thread, 'of 1')}`,
      one.hostIsFull && 'the host is full as well, so more cores would help too',
      one.queuedForCore,
    ].filter(line => line !== false),
    next: `Use less CPU per request (the profile shows where it goes), or ${workers < circumstances.cores ? anotherWorker(one) : 'add cores and workers'}.`,
  }
}

/** Only the service of this repository has the setting WORKERS, and of services only it has metrics of its pool. */
function anotherWorker({ sample }: Case): string {
  return sample.pool === undefined
    ? 'start another process of it (with node:cluster, or WORKERS in the service of this repository): it uses fewer cores than there are'
    : 'add a worker: WORKERS is below the number of cores'
}
