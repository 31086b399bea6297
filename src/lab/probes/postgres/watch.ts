import { setTimeout as pause } from 'node:timers/promises'
import { Client, type QueryConfig, type QueryResultRow } from 'pg'
import { readSchedule } from '../proc.ts'
import { blockersOf, type LockedSession, locksQuery } from './locks.ts'
import { type SessionGroup, type SessionsReading, sessionsOf, sessionsQuery } from './sessions.ts'
import {
  checkpointsQuery,
  mark,
  type StatementTotal,
  type StatisticsWindow,
  statementsQuery,
  statisticsBetween,
  type WalIo,
  walBytesQuery,
  walIoQuery,
} from './statistics.ts'

/** What one window showed of PostgreSQL from inside. */
export interface PostgresWindow extends StatisticsWindow {
  readonly windowS: number
  readonly sessions: SessionsReading
  /** Sessions that waited for a lock, on average, by what the head of their queue did. */
  readonly blockers: ReadonlyMap<string, number>
  readonly maxConnections: number | null
  /** CPU of this very connection in the window, us; null where the server is not on this machine. */
  readonly probeUs: number | null
}

export interface PostgresWatch extends AsyncDisposable {
  /** Begins a window; resolves once it is open. */
  open(): Promise<void>
  /** Ends it; null where the server did not answer. */
  close(): Promise<PostgresWindow | null>
}

const applicationName = 'insertlab-probe'
const patienceMs = 5_000
/** Some 15 looks a second; at random, lest they fall in step with what is looked at. */
const lookEveryMs = { least: 40, most: 90 }
/** Who waits for whom is asked at every so many looks that find somebody waiting for a lock. */
const looksPerLockQuery = 8

/**
 * Watches a database over one connection of its own, opened before the load begins, so that it is there
 * when the server refuses more. One prepared statement a look: the price is in `probeUs`, part of what
 * PostgreSQL is seen to use.
 *
 * @param isLocal the server runs on this machine, so its processes can be seen
 * @returns null where the database cannot be reached
 */
export async function watchPostgres(url: string, isLocal: boolean): Promise<PostgresWatch | null> {
  const client = new Client({
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: patienceMs,
    query_timeout: patienceMs,
  })
  // A server that goes away is for the load to notice.
  client.on('error', () => {})
  try {
    await client.connect()
  } catch {
    return null
  }
  const [known] = (await rowsOrNull<ConnectionFacts>(client, { text: connectionQuery })) ?? []
  const { version, maxConnections } = known ?? { version: 0, maxConnections: null }
  const pid = isLocal ? (known?.pid ?? null) : null
  let window: { opened: Promise<Edge>; stopLooking(): Promise<Looks> } | undefined
  return {
    async open() {
      const opened = readEdge(client, pid, version)
      window = { opened, stopLooking: look(client, opened) }
      await opened
    },
    async close() {
      if (window === undefined) return null
      const looks = await window.stopLooking()
      const before = await window.opened
      const after = await readEdge(client, pid, version)
      const sessions = sessionsOf(looks.sessions)
      if (sessions === null) return null
      return {
        ...statisticsBetween(before.statistics, after.statistics),
        windowS: (after.atMs - before.atMs) / 1000,
        sessions,
        blockers: meanBlockers(looks),
        maxConnections,
        probeUs: before.ranUs === null || after.ranUs === null ? null : after.ranUs - before.ranUs,
      }
    },
    async [Symbol.asyncDispose]() {
      await window?.stopLooking()
      await client.end().catch(() => {})
    },
  }
}

/** The row of `connectionQuery`. */
interface ConnectionFacts {
  readonly pid: number
  /** Such as `150020` for 15.20. */
  readonly version: number
  readonly maxConnections: number
}

const connectionQuery = `
  SELECT ${mark} pg_backend_pid() AS pid, current_setting('server_version_num')::int AS version,
         current_setting('max_connections')::int AS "maxConnections"`

type Edge = Awaited<ReturnType<typeof readEdge>>

/** One after the other: a connection runs one statement at a time. */
async function readEdge(client: Client, pid: number | null, version: number) {
  const atMs = performance.now()
  const ranUs = pid === null ? null : (readSchedule(pid, pid)?.ranUs ?? null)
  const wal = await rowsOrNull<{ bytes: number }>(client, { text: walBytesQuery })
  const io = await rowsOrNull<WalIo>(client, { text: walIoQuery(version) })
  const checkpoints = await rowsOrNull<{ checkpoints: number }>(client, { text: checkpointsQuery(version) })
  const statements = await rowsOrNull<StatementTotal>(client, { text: statementsQuery })
  return {
    atMs,
    ranUs,
    statistics: {
      statements,
      walBytes: wal?.[0]?.bytes ?? null,
      walIo: io?.[0] ?? null,
      checkpoints: checkpoints?.[0]?.checkpoints ?? null,
    },
  }
}

interface Looks {
  readonly sessions: readonly (readonly SessionGroup[])[]
  readonly locks: readonly (readonly LockedSession[])[]
}

/** Looks at the sessions, from the moment that the window is open, until it is stopped. */
function look(client: Client, opened: Promise<Edge>): () => Promise<Looks> {
  const sessions: SessionGroup[][] = []
  const locks: LockedSession[][] = []
  const stopping = new AbortController()
  const looking = (async () => {
    await opened
    for (let locked = 0; !stopping.signal.aborted; ) {
      const groups = await rowsOrNull<SessionGroup>(client, { name: 'sessions', text: sessionsQuery })
      if (groups === null) return
      sessions.push(groups)
      const waits = groups.some(({ wait_event_type: type }) => type === 'Lock')
      if (waits && locked++ % looksPerLockQuery === 0) {
        locks.push((await rowsOrNull<LockedSession>(client, { name: 'locks', text: locksQuery })) ?? [])
      }
      const { least, most } = lookEveryMs
      const untilNext = pause(least + Math.random() * (most - least), undefined, stopping)
      await untilNext.catch(() => {})
    }
  })()
  return async () => {
    stopping.abort()
    await looking
    return { sessions, locks }
  }
}

/** Over the looks that asked; those happened only while somebody waited. */
function meanBlockers({ locks }: Looks): Map<string, number> {
  const waiting = new Map<string, number>()
  for (const [head, sessions] of locks.flatMap(found => [...blockersOf(found)])) {
    waiting.set(head, (waiting.get(head) ?? 0) + sessions / locks.length)
  }
  return waiting
}

/** null where the server does not tell, or does not answer. */
async function rowsOrNull<Row>(client: Client, query: QueryConfig): Promise<Row[] | null> {
  try {
    const { rows } = await client.query<Row & QueryResultRow>(query)
    return rows
  } catch {
    return null
  }
}
