import { mark } from './statistics.ts'

/** One group of client sessions of `pg_stat_activity` that are alike, as `sessionsQuery` gives them. */
export interface SessionGroup {
  /** In the database that is looked at; others count only toward the server's limit. */
  readonly ours: boolean
  /** null while a session is being opened. */
  readonly state: string | null
  readonly wait_event_type: string | null
  readonly wait_event: string | null
  readonly sessions: number
}

/** Counts in the server, so that a look costs one small row a kind of session, not one a session. */
export const sessionsQuery = `
  SELECT ${mark} datname IS NOT DISTINCT FROM current_database() AS ours,
         state, wait_event_type, wait_event, count(*)::int AS sessions
    FROM pg_stat_activity
   WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
   GROUP BY 1, 2, 3, 4`

/** What many looks at the sessions show together. */
export interface SessionsReading {
  /** Sessions of our database at any moment, by what they did: see `activityOf`. */
  readonly mean: ReadonlyMap<string, number>
  /** Client sessions of the whole server at their most. */
  readonly peak: number
  /** Looks. */
  readonly looks: number
}

/** null of no look. */
export function sessionsOf(looks: readonly (readonly SessionGroup[])[]): SessionsReading | null {
  if (looks.length === 0) return null
  const mean = new Map<string, number>()
  for (const group of looks.flat().filter(({ ours }) => ours)) {
    const activity = activityOf(group)
    mean.set(activity, (mean.get(activity) ?? 0) + group.sessions / looks.length)
  }
  const totals = looks.map(groups => groups.reduce((sum, { sessions }) => sum + sessions, 0))
  return { mean, peak: Math.max(...totals), looks: looks.length }
}

/**
 * `cpu` for an active session that waits for nothing PostgreSQL knows of: it has a core or wants one. An
 * active session that waits goes by its event, the others by their state.
 */
export function activityOf({ state, wait_event_type: type, wait_event: event }: SessionGroup): string {
  if (state !== 'active') return state ?? 'starting'
  return type === null ? 'cpu' : `${type}:${event}`
}
