import type { Sample } from '../../results.ts'
import { number } from '../wording.ts'

/** Sessions of PostgreSQL at any moment, by the resource that they use or wait for. */
export interface SessionWork {
  /** All that work on a statement. */
  readonly active: number
  /** Have a core or want one. */
  readonly cpu: number
  /** Wait for what another session holds: row and table locks, PostgreSQL's internal ones, pinned buffers. */
  readonly locks: number
  /** Read, write or flush, or wait until another session has flushed for them. */
  readonly io: number
  /** Keep a transaction, and with it its locks, open while their client does something else. */
  readonly idleInTransaction: number
}

/** null where the sessions could not be seen. */
export function sessionWork(sample: Sample): SessionWork | null {
  if (sample.postgres === undefined) return null
  const sum = (isWanted: (activity: string) => boolean) => sessionsAt(sample, isWanted)
  return {
    active: sum(activity => activity === 'cpu' || activity.includes(':')),
    cpu: sum(activity => activity === 'cpu'),
    locks: sum(isLock),
    io: sum(isIo),
    idleInTransaction: sum(activity => activity.startsWith('idle in transaction')),
  }
}

/** Sessions that did one of the wanted activities at any moment. */
export function sessionsAt({ postgres }: Sample, isWanted: (activity: string) => boolean): number {
  return Object.entries(postgres?.sessions ?? {})
    .filter(([activity]) => isWanted(activity))
    .reduce((total, [, { median }]) => total + median, 0)
}

/** Who waits for `WALWrite` waits for another session's flush of the log: for the disk. */
export function isIo(activity: string): boolean {
  return activity.startsWith('IO:') || activity === 'LWLock:WALWrite'
}

export function isLock(activity: string): boolean {
  return /^(Lock|LWLock|BufferPin):/.test(activity) && !isIo(activity)
}

/** The activities by name, the most frequent first: `Lock:transactionid 18.7, IO:WalSync 0.9`. */
export function listActivities({ postgres }: Sample, isWanted: (activity: string) => boolean): string {
  return Object.entries(postgres?.sessions ?? {})
    .filter(([activity, { median }]) => isWanted(activity) && median >= 0.05)
    .toSorted(([, a], [, b]) => b.median - a.median)
    .map(([activity, { median }]) => `${activity} ${number(median)}`)
    .join(', ')
}
