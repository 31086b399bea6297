import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { LabError } from '../errors.ts'

const run = promisify(execFile)

export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/** Exists already wherever PostgreSQL is packaged; `nobody` exists everywhere. Nothing is ever created. */
const candidates = ['postgres', 'nobody']

/**
 * The account to run PostgreSQL under, which refuses to run as root; undefined when this process is not
 * root and PostgreSQL simply runs as the same user.
 */
export async function findUnprivilegedAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  for (const name of candidates) {
    const account = await lookUp(name)
    if (account !== undefined) return account
  }
  throw new LabError(
    'LAB_POSTGRES_START',
    `PostgreSQL does not run as root, and there is no user ${candidates.join(' or ')} to run it as`,
    'Run as another user, or set DATABASE_URL to a PostgreSQL that is already running',
  )
}

/** Whether the account may enter the folder, which depends on every folder above it too. */
export async function canEnter({ uid, gid }: Account, folder: string): Promise<boolean> {
  try {
    await run('test', ['-x', folder], { uid, gid })
    return true
  } catch {
    return false
  }
}

/** Asks `id`, which knows every source of users that the system has, not only /etc/passwd. */
async function lookUp(name: string): Promise<Account | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])])
    return { name, uid: Number(uid.stdout), gid: Number(gid.stdout) }
  } catch {
    return undefined
  }
}
