import { Client } from 'pg'
import { LabError } from '../errors.ts'
import { addressesOf, isOfThisMachine } from '../load/target-guard.ts'
import { masked } from '../secrets.ts'

export interface DatabaseChoice {
  /** null: the user names none. */
  readonly url: string | null
  /** Which database it is and why, in one line, without its password. */
  readonly says: string
}

/**
 * What the database is for. `fill`: the lab makes one of its own on that server and loads it. `read`: the lab reads
 * statistics. `pass on`: services that the lab starts use it.
 */
export type DatabaseUse = 'fill' | 'read' | 'pass on'

/**
 * Chooses the database of a run: the one that the command line names, else that of DATABASE_URL where it is on this
 * machine. A shell may have DATABASE_URL for something else, so a server elsewhere has to be named by hand: throws
 * LAB_TARGET. Blank is unset.
 */
export async function chooseDatabase(
  named: string | undefined,
  use: DatabaseUse,
  fromShell = process.env['DATABASE_URL'],
): Promise<DatabaseChoice> {
  if (named !== undefined) return { url: named, says: sentence(named, '--database-url', use) }
  const url = fromShell?.trim() ?? ''
  if (url === '') return { url: null, says: withoutOne[use] }
  const host = hostOf(url)
  if (!(await isHere(host))) {
    throw new LabError(
      'LAB_TARGET',
      `DATABASE_URL names a database on ${host}, which is not this machine`,
      `If the lab may ${purposes[use]} there, say so with --database-url; otherwise unset DATABASE_URL.`,
    )
  }
  return { url, says: sentence(url, 'DATABASE_URL', use) }
}

const embedded =
  'database: a PostgreSQL of the lab’s own, started for this run, because DATABASE_URL is not set'

const withoutOne: Record<DatabaseUse, string> = {
  fill: embedded,
  'pass on': embedded,
  read: 'database: none is read, because neither --database-url nor DATABASE_URL names one',
}

const purposes: Record<DatabaseUse, string> = {
  fill: 'create a database and load it',
  read: 'read statistics',
  'pass on': 'load services that use a database',
}

const whatFollows: Record<DatabaseUse, string> = {
  fill: 'the lab makes a database of its own there and drops it again',
  read: 'its statistics are read',
  'pass on': 'the services that the lab starts use it',
}

function sentence(url: string, why: string, use: DatabaseUse): string {
  return `database: ${masked(url)}, because ${why} names it; ${whatFollows[use]}`
}

/** The host, or a folder of sockets, which begins with a slash. */
function hostOf(url: string): string {
  try {
    return new Client({ connectionString: url }).host
  } catch (cause) {
    throw new LabError('LAB_TARGET', 'DATABASE_URL is not the URL of a database', 'Correct or unset it.', {
      cause,
    })
  }
}

async function isHere(host: string): Promise<boolean> {
  if (host === '' || host.startsWith('/')) return true
  try {
    return (await addressesOf(host)).every(isOfThisMachine)
  } catch {
    return false
  }
}
