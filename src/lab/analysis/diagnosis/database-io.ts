import { number, percent, spread } from '../wording.ts'
import { type Case, middle } from './case.ts'
import { isIo, listActivities, sessionsAt, sessionWork } from './sessions.ts'
import { confidenceOf, type SuspectedLimit } from './suspected-limit.ts'

/** At nearly any moment some session reads, writes or flushes: a disk that serves one at a time is full. */
const busyAtLeast = 0.8
const pressureNoticed = 0.3

/** PostgreSQL waits for its disk. */
export function databaseIo(one: Case): SuspectedLimit | null {
  const { sample } = one
  const work = sessionWork(sample)
  if (work === null || work.io < busyAtLeast || work.io < work.active / 2) return null
  const { walFlush, checkpoints } = sample.postgres ?? {}
  const flushing = middle(walFlush?.share)
  const forLog = sessionsAt(sample, activity => isIo(activity) && /:wal/i.test(activity))
  // The log is seldom flushed while sessions wait for it: they wait for a core, not for the disk.
  if (flushing !== null && flushing < busyAtLeast / 2 && forLog >= work.io / 2) return null
  const pressure = middle(sample.pressure?.io)
  const presses = pressure !== null && pressure >= pressureNoticed
  if (one.fillsTheHost && !presses) return null
  return {
    limit: 'database-io',
    confidence: confidenceOf(true, flushing !== null && flushing >= busyAtLeast, presses),
    sentence: `PostgreSQL's disk is the limit: ${number(work.io)} of ${number(work.active)} active sessions wait for it. The service answered ${one.rateAtLeast}.`,
    evidence: [
      `sessions that wait for the disk at any moment: ${listActivities(sample, isIo)}`,
      walFlush?.ms != null &&
        walFlush.perS !== null &&
        walFlush.share !== null &&
        `the log is flushed ${spread(walFlush.perS, 'times a second')}, ${spread(walFlush.ms, 'ms')} each: ${percent(walFlush.share.median)} of the time`,
      checkpoints != null && checkpoints.median > 0 && 'a checkpoint ended in the window',
      presses && `processes wait for a disk ${percent(pressure)} of the time`,
    ].filter(line => line !== false),
    next: 'Commit less often (rows in batches share a flush), put the log on a faster disk, or read what synchronous_commit=off may lose.',
  }
}
