/** Statements, WAL and checkpoints since the server keeps count. null: this server or role does not tell. */
export interface Statistics {
  readonly statements: readonly StatementTotal[] | null
  readonly walBytes: number | null
  readonly walIo: WalIo | null
  readonly checkpoints: number | null
}

/** One row of `statementsQuery`. */
export interface StatementTotal {
  readonly id: string
  readonly text: string
  readonly calls: number
  readonly execution_ms: number
}

/** The row of `walIoQuery`; times are null where `track_wal_io_timing` is off. */
export interface WalIo {
  readonly writes: number
  readonly write_ms: number | null
  readonly flushes: number
  readonly flush_ms: number | null
}

/** In all the text that the probe sends: `pg_stat_statements` keeps it, and so can leave the probe out. */
export const mark = '/* insertlab-probe */'

/**
 * Each on its own, because each may be missing: an extension, a version, a privilege. What reads statistics
 * is not what is measured, and left out.
 */
export const statementsQuery = `
  SELECT ${mark} queryid::text AS id, left(query, 300) AS text, calls::float8, total_exec_time AS execution_ms
    FROM pg_stat_statements
   WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND query NOT LIKE '%${mark}%'`

export const walBytesQuery = `SELECT ${mark} pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 AS bytes`

/**
 * What the server's version has of it: `pg_stat_io` knows the WAL since 18, `pg_stat_wal` from 14 to 17, and checkpoints
 * have a view of their own since 17.
 *
 * Sessions hand in what they did once a second, so a window's figure is late by that much at either end. Timing costs
 * two readings of the clock, some 50 ns each, on an operation of tens of microseconds at least; that is why the lab's
 * own server has it on.
 */
export function walIoQuery(version: number): string {
  const columns =
    version >= 180_000
      ? { writes: 'writes', writeMs: 'write_time', flushes: 'fsyncs', flushMs: 'fsync_time' }
      : { writes: 'wal_write', writeMs: 'wal_write_time', flushes: 'wal_sync', flushMs: 'wal_sync_time' }
  const { writes, writeMs, flushes, flushMs } = columns
  return `
  SELECT ${mark} sum(${writes})::float8 AS writes, sum(${flushes})::float8 AS flushes,
         CASE WHEN current_setting('track_wal_io_timing')::bool THEN sum(${writeMs}) END AS write_ms,
         CASE WHEN current_setting('track_wal_io_timing')::bool THEN sum(${flushMs}) END AS flush_ms
    FROM ${version >= 180_000 ? "pg_stat_io WHERE object = 'wal'" : 'pg_stat_wal'} HAVING count(*) > 0`
}

export function checkpointsQuery(version: number): string {
  return version >= 170_000
    ? `SELECT ${mark} (num_timed + num_requested)::float8 AS checkpoints FROM pg_stat_checkpointer`
    : `SELECT ${mark} (checkpoints_timed + checkpoints_req)::float8 AS checkpoints FROM pg_stat_bgwriter`
}

/** The same over a window. */
export interface StatisticsWindow {
  /** The ones that took most time first. */
  readonly statements: readonly { text: string; calls: number; executionUs: number }[] | null
  readonly walBytes: number | null
  readonly flushes: number | null
  /** Writing and flushing WAL, all sessions added up. */
  readonly walIoMs: number | null
  readonly flushMs: number | null
  readonly checkpoints: number | null
}

export function statisticsBetween(before: Statistics, after: Statistics): StatisticsWindow {
  const grown = (of: (statistics: Statistics) => number | null) => {
    const [from, to] = [of(before), of(after)]
    return from === null || to === null ? null : to - from
  }
  const flushMs = grown(({ walIo }) => walIo?.flush_ms ?? null)
  const writeMs = grown(({ walIo }) => walIo?.write_ms ?? null)
  return {
    statements: statementsBetween(before.statements, after.statements),
    walBytes: grown(({ walBytes }) => walBytes),
    flushes: grown(({ walIo }) => walIo?.flushes ?? null),
    walIoMs: flushMs === null || writeMs === null ? null : flushMs + writeMs,
    flushMs,
    checkpoints: grown(({ checkpoints }) => checkpoints),
  }
}

function statementsBetween(
  before: readonly StatementTotal[] | null,
  after: readonly StatementTotal[] | null,
): StatisticsWindow['statements'] {
  if (before === null || after === null) return null
  const earlier = new Map(before.map(statement => [statement.id, statement]))
  return after
    .map(({ id, text, calls, execution_ms }) => ({
      text,
      calls: calls - (earlier.get(id)?.calls ?? 0),
      executionUs: (execution_ms - (earlier.get(id)?.execution_ms ?? 0)) * 1000,
    }))
    .filter(({ calls }) => calls > 0)
    .sort((a, b) => b.executionUs - a.executionUs)
}
