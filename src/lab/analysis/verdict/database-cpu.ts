import type { Sample } from '../../results.ts'
import { number, percent } from '../wording.ts'
import { atLeast, type Case, demandOf, full, hostIsFull, middle, rate, threadWanted, uses } from './case.ts'
import { confidenceOf, type Judgement } from './judgement.ts'
import { sessionWork } from './sessions.ts'
import { isWithDatabase } from './whereabouts.ts'

/** PostgreSQL's CPU: all cores in use, or sessions that want it and are not given it. */
export function databaseCpu(one: Case): Judgement | null {
  const database = demandOf(one, 'database')
  if (database === null) return null
  const held = heldBack(one)
  const fills = database.utilisation.median >= full
  if (!fills && held === null) return null
  const dearest = one.sample.postgres?.statements[0]
  return {
    limit: 'database-cpu',
    confidence: confidenceOf(fills, held !== null, isWithDatabase(one.sample) === true),
    sentence: fills
      ? `PostgreSQL's CPU is the limit: it uses ${percent(database.utilisation.median)} of the cores, ${number(database.demandUs.median)} us a request; the service answered ${atLeast(one)}${rate(one)}.`
      : `PostgreSQL gets too little CPU: its sessions are kept from running most of the time that they want to; the service answered ${rate(one)}.`,
    evidence: [
      uses(database, 'PostgreSQL'),
      ...(held ?? []),
      ...(dearest === undefined
        ? []
        : [
            `its dearest statement takes ${number(dearest.executionUsPerRequest.median)} us a request: ${oneLine(dearest.text)}`,
          ]),
    ],
    next: fills
      ? 'Make each request cheaper for PostgreSQL: fewer statements, rows in batches, named statements.'
      : 'Give PostgreSQL more CPU: look for a quota on its container or a busy neighbour; then make its statements cheaper.',
  }
}

/** Sessions that nothing but the scheduler keeps from running, and the scheduler does not know of them. */
const heldAtLeast = 1

/**
 * A session that is active and waits for nothing has a core or wants one, and so has one that was sent a
 * statement and has not begun it. Those that have a core show as CPU, those in line as time in the
 * scheduler's queue; what is left is held back by a quota, or stopped. On a full host they wait for a core like
 * anyone else, and those that live shortly are never seen in line.
 */
function heldBack(one: Case): string[] | null {
  const { sample } = one
  if (hostIsFull(one)) return null
  const work = sessionWork(sample)
  const used = middle(sample.utilisation.database)
  // Its processes must be on this machine to be seen in line.
  const inLine = middle(sample.utilisation.databaseQueued)
  if (work === null || used === null || inLine === null) return null
  const wanting = work.cpu + notBegun(sample, work.active)
  const held = wanting - used - inLine
  if (held < heldAtLeast || held < wanting / 2 || wanting < work.active / 2) return null
  return [
    `${number(wanting)} sessions want a core at any moment; together they have ${number(used)}, and ${number(inLine)} stand in line for one: the others are held back`,
  ]
}

/** Below it, the service reads results as they come. */
const threadAtEase = 0.7

/** Statements that the service has sent and PostgreSQL does not know of; none are taken for such where the service is slow to read. */
function notBegun(sample: Sample, active: number): number {
  const thread = Math.max(middle(sample.utilisation.apiThread) ?? 1, threadWanted(sample) ?? 0)
  const [lent, sent] = [middle(sample.pool?.used), middle(sample.whereabouts?.database)]
  if (thread >= threadAtEase || lent === null || sent === null) return 0
  return Math.max(0, Math.min(lent, sent) - active)
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, 100)
}
