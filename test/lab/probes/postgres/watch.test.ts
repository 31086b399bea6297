import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { watchPostgres } from '../../../../src/lab/probes/postgres/watch.ts'
import { createDatabase } from '../../../helpers/database.ts'

let database: Awaited<ReturnType<typeof createDatabase>>

beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

async function connect(): Promise<Client> {
  const client = new Client({ connectionString: database.url })
  await client.connect()
  return client
}

test('sees who waits for a lock and for whom, what was written, and leaves itself out', async () => {
  const [holder, waiter] = [await connect(), await connect()]
  await using watch = await watchPostgres(database.url, process.platform === 'linux')
  await watch?.open()
  await holder.query("INSERT INTO simple_text (text) VALUES ('held')")
  await holder.query('BEGIN')
  await holder.query('UPDATE simple_text SET text = text')
  const waiting = waiter.query('UPDATE simple_text SET text = text')
  // The holder sees it wait, as the probe will within the time that is left.
  const isWaiting = async () => {
    const { rows } = await holder.query(
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    )
    return rows[0].n
  }
  await expect.poll(isWaiting).toBe(1)
  await new Promise(resolve => setTimeout(resolve, 500))
  const window = await watch?.close()
  await holder.query('COMMIT')
  await waiting
  await Promise.all([holder.end(), waiter.end()])

  expect(window?.sessions.looks).toBeGreaterThan(0)
  expect(window?.sessions.mean.get('Lock:transactionid')).toBeGreaterThan(0)
  expect([...(window?.blockers.keys() ?? [])].join()).toContain('idle in transaction')
  expect(window?.maxConnections).toBe(100)
  expect(window?.walBytes).toBeGreaterThan(0)
  expect(window?.statements?.map(({ text }) => text).join()).toContain('INSERT INTO simple_text')
  expect(window?.statements?.map(({ text }) => text).join()).not.toContain('insertlab-probe')
  if (process.platform === 'linux') expect(window?.probeUs).toBeGreaterThan(0)
})

test('a database that cannot be reached, or goes away, is unknown and no failure', async () => {
  expect(await watchPostgres('postgresql://nobody@127.0.0.1:9/none', false)).toBeNull()
  const gone = await createDatabase()
  await using watch = await watchPostgres(gone.url, false)
  await watch?.open()
  await gone.drop()
  const window = await watch?.close()
  expect(window?.walBytes ?? null).toBeNull()
})
