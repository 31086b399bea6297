import { mark } from './statistics.ts'

/** One session, as `locksQuery` gives it. */
export interface LockedSession {
  readonly pid: number
  /** Those it waits for; empty where it waits for no lock. */
  readonly blocked_by: readonly number[]
  readonly state: string | null
  readonly wait_event_type: string | null
  readonly wait_event: string | null
  readonly query: string
}

/**
 * `pg_blocking_pids` stops the lock manager for a moment, so it is asked seldom, and only about sessions
 * that wait for a lock.
 */
export const locksQuery = `
  SELECT ${mark} pid, state, wait_event_type, wait_event, left(query, 200) AS query,
         CASE WHEN wait_event_type = 'Lock' THEN pg_blocking_pids(pid) ELSE '{}' END AS blocked_by
    FROM pg_stat_activity
   WHERE backend_type = 'client backend' AND datname = current_database()`

/**
 * How many sessions wait, by what the session at the head of their queue does: itself not waiting for a
 * lock, it is the one to look at. A row that many want has one such head, and the others wait in a chain.
 */
export function blockersOf(sessions: readonly LockedSession[]): Map<string, number> {
  const byPid = new Map(sessions.map(session => [session.pid, session]))
  const waiting = new Map<string, number>()
  for (const session of sessions.filter(({ blocked_by }) => blocked_by.length > 0)) {
    const head = headOf(session, byPid)
    if (head !== null) waiting.set(describe(head), (waiting.get(describe(head)) ?? 0) + 1)
  }
  return waiting
}

/** Follows the first blocker of each; null for a circle, which PostgreSQL's deadlock check will break. */
function headOf(session: LockedSession, byPid: ReadonlyMap<number, LockedSession>): LockedSession | null {
  const seen = new Set<number>()
  let head = session
  for (;;) {
    const [blocker] = head.blocked_by
    if (blocker === undefined) return head
    const next = byPid.get(blocker)
    if (next === undefined) return head === session ? null : head
    if (seen.has(blocker)) return null
    seen.add(blocker)
    head = next
  }
}

function describe({ state, wait_event_type: type, wait_event: event, query }: LockedSession): string {
  const waits = state === 'active' && type !== null ? ` (${type}:${event})` : ''
  return `${state}${waits}: ${query.replaceAll(/\s+/g, ' ').trim().slice(0, 100)}`
}
