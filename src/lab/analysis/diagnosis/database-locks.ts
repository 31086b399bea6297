import type { Sample } from '../../results.ts'
import { number } from '../wording.ts'
import type { Case } from './case.ts'
import { isWithDatabase } from './locations.ts'
import { isLock, listActivities, sessionWork } from './sessions.ts'
import { confidenceOf, type SuspectedLimit } from './suspected-limit.ts'

/** Somebody is in line at any moment, and more sessions are than work. */
const waitingAtLeast = 1

/** Sessions wait for each other. */
export function databaseLocks(one: Case): SuspectedLimit | null {
  const found = lockQueue(one.sample)
  if (found === null) return null
  return {
    ...found,
    limit: 'database-locks',
    sentence: `${found.sentence}, ${one.rateAtLeast}.`,
  }
}

/** The sessions that wait for locks, where they are most of the sessions at work; else null. */
export function lockQueue(
  sample: Sample,
): Pick<SuspectedLimit, 'confidence' | 'sentence' | 'evidence' | 'next'> | null {
  const work = sessionWork(sample)
  if (work === null || work.locks < waitingAtLeast || work.locks < work.active / 2) return null
  const heads = Object.entries(sample.postgres?.blockers ?? {}).toSorted(
    ([, a], [, b]) => b.median - a.median,
  )
  return {
    confidence: confidenceOf(true, heads.length > 0, isWithDatabase(sample)),
    sentence: `Requests wait for each other inside PostgreSQL: ${number(work.locks)} of ${number(work.active)} active sessions wait for a lock, so PostgreSQL serves one after the other`,
    evidence: [
      `sessions that wait for a lock at any moment: ${listActivities(sample, isLock)}`,
      ...heads
        .slice(0, 2)
        .map(([head, waiting]) => `${number(waiting.median)} sessions wait behind one that is ${head}`),
      work.idleInTransaction >= 0.1 &&
        `${number(work.idleInTransaction)} sessions keep a transaction open while the service does something else`,
    ].filter(line => line !== false),
    next: heads[0]?.[0].startsWith('idle in transaction')
      ? 'Commit before the service does something else: the session that holds the lock waits for the next statement of its client. Then touch the contended row last, or spread it over more rows.'
      : 'Hold the lock for less time (touch the contended row last, commit at once), or spread it over more rows.',
  }
}
