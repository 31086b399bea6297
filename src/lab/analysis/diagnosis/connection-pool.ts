import type { Sample } from '../../results.ts'
import { number, percent, spread } from '../wording.ts'
import { type Case, full, middle } from './case.ts'
import { sessionWork } from './sessions.ts'
import { confidenceOf, type SuspectedLimit } from './suspected-limit.ts'

/** At least one request waits at any moment. */
const waitingAtLeast = 1

/** More in use than the pool may hold: the service opens a connection for each request, and the pool is no limit. */
const beyondPool = 1.1

/**
 * Every connection is in use and requests wait for one, while the API's threads and the host have time to spare.
 * Without that condition a connection may be kept long only because its user waits for a core or for a busy thread.
 * Whether PostgreSQL is slow is asked elsewhere: if it is, that is the limit and the full pool follows from it.
 */
export function connectionPool(one: Case, lower: Sample | undefined): SuspectedLimit | null {
  const { sample } = one
  const { pool, whereabouts } = sample
  const [max, used, waiting] = [middle(pool?.max), middle(pool?.used), middle(whereabouts?.poolQueue)]
  if (max === null || used === null || waiting === null) return null
  if (used < max * full || used > max * beyondPool || waiting < waitingAtLeast) return null
  if ((one.thread ?? 0) >= full || one.fillsTheHost) return null
  const [wait, use] = [pool?.waitMs ?? null, pool?.useMs ?? null]
  const before = lower?.pool?.waitMs
  const work = sessionWork(sample)
  return {
    limit: 'connection-pool',
    confidence: confidenceOf(true, wait !== null && use !== null && wait.median > use.median / 2),
    sentence: `The connection pool is the limit: ${max === 1 ? 'its one connection is' : `all ${number(max)} connections are`} in use, and ${number(waiting)} requests wait for one at any moment; the service answered ${one.rateAtLeast}.`,
    evidence: [
      `${number(used)} of ${number(max)} ${max === 1 ? 'connection is' : 'connections are'} in use`,
      wait !== null &&
        use !== null &&
        `a request waits ${spread(wait, 'ms')} for a connection and keeps it ${spread(use, 'ms')}${before ? `; under the lower load it waited ${number(before.median)} ms` : ''}`,
      work !== null &&
        `PostgreSQL works on ${number(work.active)} statements at any moment, ${number(work.cpu)} of them on a core`,
      sample.utilisation.database !== null &&
        `PostgreSQL uses ${percent(sample.utilisation.database.median)} of one core`,
    ].filter(line => line !== false),
    next: 'Raise POOL_SIZE one step and see whether the rate rises; or keep each connection for less time.',
  }
}
