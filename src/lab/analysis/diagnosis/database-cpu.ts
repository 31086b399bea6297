import { number, percent } from '../wording.ts'
import { type Case, demandOf, full, middle, threadAtEase, uses } from './case.ts'
import { isWithDatabase } from './locations.ts'
import { sessionWork } from './sessions.ts'
import { confidenceOf, type SuspectedLimit } from './suspected-limit.ts'

/** PostgreSQL's CPU: all cores in use, or sessions that want it and are not given it. */
export function databaseCpu(one: Case): SuspectedLimit | null {
  const database = demandOf(one, 'database')
  if (database === null) return null
  const held = heldBack(one)
  const fills = database.utilisation.median >= full
  if (!fills && held === false) return null
  const dearest = one.sample.postgres?.statements[0]
  return {
    limit: 'database-cpu',
    confidence: confidenceOf(fills, held !== false, isWithDatabase(one.sample)),
    sentence: fills
      ? `PostgreSQL's CPU is the limit: it uses ${percent(database.utilisation.median)} of the cores, ${number(database.demandUs.median)} us per request. The service answered ${one.rateAtLeast}.`
      : `PostgreSQL gets too little CPU: most of the time that its sessions could run, they do not get a core. The service answered ${one.rate}.`,
    evidence: [
      uses(database),
      held,
      dearest !== undefined &&
        `its most expensive statement takes ${number(dearest.executionUsPerRequest.median)} us per request: ${oneLine(dearest.text)}`,
    ].filter(line => line !== false),
    next: fills
      ? 'Make each request cheaper for PostgreSQL: fewer statements, rows in batches, named statements.'
      : 'Give PostgreSQL more CPU: look for a quota on its container or a busy neighbour; then make its statements cheaper.',
  }
}

/** Sessions that could run and are in no queue of the scheduler. */
const heldAtLeast = 1

/**
 * A session that is active and waits for nothing has a core or wants one. So does a session that was sent a statement
 * and has not begun it. Those with a core show as CPU, those in the scheduler's queue as waiting time. The others are
 * stopped by a quota or a signal. On a full host this says nothing: all processes wait, and short ones are not seen.
 */
function heldBack(one: Case): string | false {
  const { sample } = one
  if (one.hostIsFull) return false
  const work = sessionWork(sample)
  const used = middle(sample.utilisation.database)
  // Its processes must be on this machine to be seen in line.
  const inLine = middle(sample.utilisation.databaseQueued)
  if (work === null || used === null || inLine === null) return false
  const wanting = work.cpu + notBegun(one, work.active)
  const held = wanting - used - inLine
  if (held < heldAtLeast || held < wanting / 2 || wanting < work.active / 2) return false
  return `${number(wanting)} sessions want a core at any moment; together they use ${number(used)} cores, and ${number(inLine)} wait in the scheduler's queue: the others are stopped by something else`
}

/** Statements that the service has sent and PostgreSQL does not know of; none are taken for such where the service is slow to read. */
function notBegun({ sample, thread, threadWanted }: Case, active: number): number {
  const [lent, sent] = [middle(sample.pool?.used), middle(sample.whereabouts?.database)]
  if (Math.max(thread ?? 1, threadWanted ?? 0) >= threadAtEase || lent === null || sent === null) return 0
  return Math.max(0, Math.min(lent, sent) - active)
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, 100)
}
