import { Client, DatabaseError } from 'pg'
import { mark, statementsQuery } from './statistics.ts'

/** What answers at the address of a database. */
export interface ServerFacts {
  /** Such as `15.20`. */
  readonly version: string
  /** What this server or role does not tell, each with its reason; left out of the report. */
  readonly untold: readonly string[]
}

/** Asks a server what it does not tell. Throws where it cannot be asked. */
export async function readServer(client: Client): Promise<ServerFacts> {
  const { rows } = await client.query<{
    version: string
    timing: string | null
    activities: string
    seesOthers: boolean
  }>(`
    SELECT ${mark} split_part(current_setting('server_version'), ' ', 1) AS version,
           current_setting('track_wal_io_timing', true) AS timing,
           current_setting('track_activities') AS activities,
           pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS "seesOthers"`)
  const [facts] = rows
  if (facts === undefined) throw new Error('the server gave no answer')
  const { version, timing, activities, seesOthers } = facts
  const untold = [
    ...(await whyNoStatements(client)),
    timing === null && 'writes and flushes of the WAL (it is older than 14)',
    timing === 'off' && 'how long a flush of the WAL takes (track_wal_io_timing is off)',
    activities === 'off' && 'what its sessions do (track_activities is off)',
    !seesOthers && 'what the sessions of other roles do (this role is not a member of pg_read_all_stats)',
  ].filter(what => what !== false)
  return { version, untold }
}

async function whyNoStatements(client: Client): Promise<string[]> {
  try {
    await client.query(statementsQuery)
    return []
  } catch (error) {
    const isAbsent = error instanceof DatabaseError && error.code === undefinedTable
    const reason = isAbsent
      ? 'the extension pg_stat_statements is not in this database'
      : 'pg_stat_statements is not in shared_preload_libraries'
    return [`which statements take most time (${reason})`]
  }
}

const undefinedTable = '42P01'
const protocolViolation = '08P01'

/**
 * Whether a pooler such as PgBouncer answers in place of PostgreSQL: it either refuses a setting that comes with the
 * connection, or does not hand it on. Throws where nothing answers.
 */
export async function isPooler(url: string): Promise<boolean> {
  const address = new URL(url)
  const options = [address.searchParams.get('options'), '-c insertlab.direct=yes']
  address.searchParams.set('options', options.filter(Boolean).join(' '))
  const client = new Client({ connectionString: address.href, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ direct: string | null }>(
      `SELECT ${mark} current_setting('insertlab.direct', true) AS direct`,
    )
    return rows[0]?.direct !== 'yes'
  } catch (error) {
    if (error instanceof DatabaseError && error.code === protocolViolation) return true
    throw error
  } finally {
    await client.end()
  }
}
