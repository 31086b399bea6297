import pg from 'pg'
import { expect, onTestFinished } from 'vitest'
import type { RunningApp } from './app.ts'

/** A place where the service's writes stop until they are let go: how tests stop time. */
export interface Gate {
  /** Resolves when at least `count` backends wait at the gate. */
  waiters(count: number): Promise<void>
  /** Ends every backend that waits; its transaction is rolled back. */
  killWaiters(): Promise<number>
  open(): Promise<void>
}

/** Stops statements before they have done anything: the table is locked by a session of the gate's own. */
export function lockTable(app: RunningApp, table: 'simple_text' | 'tasks'): Promise<Gate> {
  return closeGate(app, `BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`, 'COMMIT')
}

/** Stops transactions that write texts in the middle of their commit, when all rows are in. */
export async function holdCommits(app: RunningApp): Promise<Gate> {
  await app.sql(`
    CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_advisory_xact_lock_shared(1);
      RETURN NULL;
    END $$`)
  await app.sql(`
    CREATE CONSTRAINT TRIGGER wait_at_commit AFTER INSERT ON simple_text
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_at_commit()`)
  return closeGate(app, 'SELECT pg_advisory_lock(1)', 'SELECT pg_advisory_unlock(1)')
}

async function closeGate(app: RunningApp, closing: string, opening: string): Promise<Gate> {
  const client = new pg.Client({ connectionString: app.databaseUrl })
  await client.connect()
  onTestFinished(() => client.end())
  await client.query(closing)
  const waiting = `FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  return {
    waiters: count =>
      expect
        .poll(async () => (await app.sql(`SELECT pid ${waiting}`)).length, { interval: 5 })
        .toBeGreaterThanOrEqual(count),
    killWaiters: async () => (await app.sql(`SELECT pg_terminate_backend(pid) ${waiting}`)).length,
    open: async () => {
      await client.query(opening)
    },
  }
}

/**
 * Reads one series from the service's own metrics, by its name and labels as they are exposed; without labels, the sum
 * of all series of that name.
 */
export async function metric(app: RunningApp, series: string): Promise<number | undefined> {
  const lines = (await app.telemetry.registry.metrics()).split('\n')
  const values = lines
    .filter(line => line.startsWith(`${series} `) || line.startsWith(`${series}{`))
    .map(line => Number(line.split(' ').at(-1)))
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0)
}

/** Resolves when this many rows wait for a batch. */
export function untilQueued(app: RunningApp, rows: number): Promise<void> {
  return expect.poll(() => metric(app, 'insert_queue_depth'), { interval: 5 }).toBe(rows)
}
