import { existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { describe, expect, test } from 'vitest'
import { watchPostgres } from '../../../../src/lab/probes/postgres/watch.ts'
import { seeDatabase } from '../../../../src/lab/run/seen-database.ts'
import { type PostgresServer, startPostgres } from '../../../../src/lab/stack/embedded-postgres.ts'

const debian15 = '/usr/lib/postgresql/15'
if (!existsSync(debian15) && process.env['CI']) throw new Error('CI must have installed postgresql-15')

/** Runs something against a server of its own. */
async function onServer(
  installation: string | undefined,
  settings: Record<string, string>,
  use: (server: PostgresServer, client: Client) => Promise<void>,
): Promise<void> {
  const server = await startPostgres({ settings, ...(installation !== undefined && { installation }) })
  const client = new Client({ connectionString: server.url })
  try {
    await client.connect()
    await use(server, client)
  } finally {
    await client.end()
    await server.stop()
  }
}

describe.each([
  ['15', debian15],
  ['18', undefined],
])('PostgreSQL %s', (major, installation) => {
  const hasServer = installation === undefined || existsSync(installation)

  test.runIf(hasServer)('tells of statements, WAL, flushes, checkpoints and sessions', async () => {
    await onServer(installation, {}, async ({ url, pid, version }, client) => {
      expect(version).toMatch(new RegExp(`^${major}\\.`))
      expect(await seeDatabase(url, '--database')).toEqual({
        pid: process.platform === 'linux' ? pid : null,
        url,
        unavailable: [],
      })
      await client.query('CREATE TABLE written (n int)')
      await using watch = await watchPostgres(url, process.platform === 'linux')
      await watch?.open()
      for (let n = 0; n < 50; n++) await client.query('INSERT INTO written VALUES ($1)', [n])
      await client.query('CHECKPOINT')
      // A session hands in what it did at most once a second, when it ends a statement.
      await pause(1_500)
      await client.query('SELECT 1')
      const window = await watch?.close()
      expect(window?.statements?.map(({ text }) => text)).toContain('INSERT INTO written VALUES ($1)')
      expect(window?.walBytes).toBeGreaterThan(0)
      expect(window?.flushes).toBeGreaterThanOrEqual(50)
      expect(window?.flushMs).toBeGreaterThan(0)
      expect(window?.walIoMs).toBeGreaterThanOrEqual(window?.flushMs ?? 0)
      expect(window?.checkpoints).toBe(1)
      expect(window?.sessions.mean.get('idle')).toBeGreaterThan(0)
      expect(window?.maxConnections).toBe(100)
    })
  })

  test.runIf(hasServer)('says what it does not tell as Debian sets it up', async () => {
    const settings = { shared_preload_libraries: '', track_wal_io_timing: 'off' }
    await onServer(installation, settings, async ({ url, version }, client) => {
      const { unavailable } = await seeDatabase(url, '--database')
      expect(unavailable).toEqual([
        `PostgreSQL ${version} does not tell which statements take most time (pg_stat_statements is not in shared_preload_libraries).`,
        `PostgreSQL ${version} does not tell how long a flush of the WAL takes (track_wal_io_timing is off).`,
      ])
      await client.query('CREATE TABLE written (n int)')
      await using watch = await watchPostgres(url, false)
      await watch?.open()
      await client.query('INSERT INTO written VALUES (1)')
      await pause(1_500)
      await client.query('INSERT INTO written VALUES (2)')
      const window = await watch?.close()
      expect(window).toMatchObject({ statements: null, flushMs: null, walIoMs: null, probeUs: null })
      expect(window?.flushes).toBeGreaterThan(0)
    })
  })
})
