import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { insertStrategyNames } from '../../src/service/store/inserts/insert-strategy.ts'
import { createConnectedDatabase } from '../helpers/database.ts'
import { spawn, start } from '../helpers/service.ts'
import { available, run } from '../programs.ts'
import { startPgBouncer } from './pgbouncer.ts'

/**
 * Several processes before one PostgreSQL, with PgBouncer between. Debian's is 1.18: its transaction mode knows no
 * named statements (1.21 does, and deploy/k8s/overlays/operators says so), so that mode is tried here as far as it goes.
 */
describe.skipIf(!available('pgbouncer'))('PgBouncer', () => {
  let database: Awaited<ReturnType<typeof createConnectedDatabase>>

  beforeAll(async () => {
    database = await createConnectedDatabase()
  })
  afterAll(() => database.drop())

  const rows = async () =>
    Number((await database.sql.query('SELECT count(*) FROM simple_text')).rows[0].count)

  const databaseName = async () =>
    (await database.sql.query('SELECT current_database() AS name')).rows[0].name as string

  test('in session mode two processes insert by every strategy, each connection their own', async () => {
    const url = await startPgBouncer({ databaseUrl: database.url, poolMode: 'session', poolSize: 40 })
    // Together, so that both want to migrate at once.
    const services = await Promise.all([1, 2].map(() => start(url, { POOL_SIZE: '8' })))
    const before = await rows()
    const requests = services.flatMap(service =>
      insertStrategyNames.flatMap(strategy =>
        Array.from({ length: 40 }, () => `${service.url}/test-insert?rows=3&strategy=${strategy}`),
      ),
    )
    const answers = await Promise.all(
      requests.map(async request => {
        const answer = await fetch(request)
        return { status: answer.status, body: (await answer.json()) as { ids?: number[] } }
      }),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    const ids = answers.flatMap(({ body }) => body.ids ?? [])
    expect(new Set(ids).size).toBe(requests.length * 3)
    expect((await rows()) - before).toBe(requests.length * 3)
    const bulk = await fetch(`${services[0]?.url}/texts/bulk`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: '{"text":"a"}\n{"text":"b"}\n',
    })
    expect(bulk.status).toBe(201)
  })

  test('that drops options does not make a session less durable than asked in silence', async () => {
    const url = await startPgBouncer({ databaseUrl: database.url, poolMode: 'session', poolSize: 5 })
    const refused = await spawn(url, { SYNCHRONOUS_COMMIT: 'remote_write' })
    expect(await refused.service.ended).toEqual({ code: 1, signal: null })
    expect(refused.errors()).toMatch(
      /^insertlab: synchronous_commit is on, but SYNCHRONOUS_COMMIT asks for remote_write\.[^\n]*; behind a pooler that drops options, use ALTER ROLE … SET synchronous_commit = remote_write\.\n$/,
    )
    await database.sql.query(`ALTER DATABASE ${await databaseName()} SET synchronous_commit = remote_write`)
    // PgBouncer's own connections keep the old setting.
    const fresh = await startPgBouncer({ databaseUrl: database.url, poolMode: 'session', poolSize: 5 })
    const started = await start(fresh, { SYNCHRONOUS_COMMIT: 'remote_write' })
    expect(started.log()).toContain('statement_timeout is not REQUEST_DEADLINE_MS')
    await database.sql.query(`ALTER DATABASE ${await databaseName()} RESET synchronous_commit`)
  })

  test('in transaction mode two migrations at once leave no lock behind', async () => {
    const url = await startPgBouncer({ databaseUrl: database.url, poolMode: 'transaction', poolSize: 5 })
    await database.sql.query('DROP TABLE insertlab_schema_version, simple_text, tasks')
    const migrations = [1, 2, 3].map(() =>
      run(process.execPath, ['src/service/migrate-only.ts'], { DATABASE_URL: url }),
    )
    for (const { code, output } of await Promise.all(migrations))
      expect({ code, output }).toEqual({ code: 0, output: '' })
    expect(await rows()).toBe(0)
    const { rowCount } = await database.sql.query(`SELECT FROM pg_locks WHERE locktype = 'advisory'`)
    expect(rowCount).toBe(0)
  })
})
