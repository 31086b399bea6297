import { number, percent } from '../wording.ts'
import { atLeast, type Case, demandOf, full, middle, rate, uses } from './case.ts'
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
 * A session that is active and waits for nothing has a core or wants one. Those that have one show as CPU,
 * those in line as time in the scheduler's queue; what is left is held back by a quota, or stopped.
 */
function heldBack({ sample }: Case): string[] | null {
  const work = sessionWork(sample)
  const used = middle(sample.utilisation.database)
  if (work === null || used === null) return null
  const inLine = middle(sample.utilisation.databaseQueued) ?? 0
  const held = work.cpu - used - inLine
  if (held < heldAtLeast || held < work.cpu / 2 || work.cpu < work.active / 2) return null
  return [
    `${number(work.cpu)} sessions want a core at any moment; together they have ${number(used)}, and ${number(inLine)} stand in line for one: the others are held back`,
  ]
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, 100)
}
