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

const embedded = 'a PostgreSQL of the lab’s own, started for this run, because DATABASE_URL is not set'

/** What the lab may do with the database, what it does, and which it uses where the user names none. */
const uses = {
  fill: {
    may: 'create a database and load it',
    does: 'the lab makes a database of its own there and drops it again',
    without: embedded,
  },
  read: {
    may: 'read statistics',
    does: 'its statistics are read',
    without: 'none is read, because neither --database-url nor DATABASE_URL names one',
  },
  'pass on': {
    may: 'load services that use a database',
    does: 'the services that the lab starts use it',
    without: embedded,
  },
}

/**
 * Chooses the database of a run: the one that the command line names, else that of DATABASE_URL where it is on this
 * machine. A shell may have DATABASE_URL for something else, so a server elsewhere has to be named by hand: throws
 * LAB_TARGET. Blank is unset.
 */
export async function chooseDatabase(
  named: string | undefined,
  use: keyof typeof uses,
  fromShell = process.env['DATABASE_URL'],
): Promise<DatabaseChoice> {
  const { may, does, without } = uses[use]
  const chosen = (url: string, why: string) => ({
    url,
    says: `database: ${masked(url)}, because ${why} names it; ${does}`,
  })
  if (named !== undefined) return chosen(named, '--database-url')
  const url = fromShell?.trim() ?? ''
  if (url === '') return { url: null, says: `database: ${without}` }
  const host = hostOf(url)
  if (!(await isHere(host))) {
    throw new LabError(
      'LAB_TARGET',
      `DATABASE_URL names a database on ${host}, which is not this machine`,
      `If the lab may ${may} there, say so with --database-url; otherwise unset DATABASE_URL.`,
    )
  }
  return chosen(url, 'DATABASE_URL')
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
