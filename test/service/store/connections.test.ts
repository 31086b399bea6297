import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { type RunningApp, startApp } from '../../helpers/app.ts'
import { holdCommits, lockTable, metric } from '../../helpers/gate.ts'
import { expectJson, expectProblem, post, send } from '../../helpers/http.ts'

/** Connections of the service itself, not the test's own. */
async function openConnections(app: RunningApp): Promise<number> {
  const rows = await app.sql(
    `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'insertlab'`,
  )
  return rows.length
}

const fifty = Array.from({ length: 50 }, (_, i) => i)

describe('CONNECTION_MODE=per-request', () => {
  it('opens a connection for each request and closes it', async () => {
    const app = await startApp({ CONNECTION_MODE: 'per-request' })
    const { id } = await expectJson(await post(`${app.url}/tasks/`, { title: 'a task' }), 201)
    for (const strategy of ['single', 'prepared', 'batched', 'copy']) {
      await expectJson(await fetch(`${app.url}/test-insert?rows=2&strategy=${strategy}`), 200)
    }
    await expectJson(await fetch(`${app.url}/tasks/${id}`), 200)
    await expectJson(await fetch(`${app.url}/readyz`), 200)
    const bulk = await send('POST', `${app.url}/texts/bulk`, '{"text":"a"}', {
      headers: { 'content-type': 'application/x-ndjson' },
    })
    await expectJson(bulk, 201)
    await expect.poll(() => openConnections(app), { interval: 5 }).toBe(0)
    expect(app.store.database.counts()).toMatchObject({ used: 0, idle: 0, pending: 0 })
  })

  it('uses as many as there are requests', async () => {
    const app = await startApp({ CONNECTION_MODE: 'per-request', POOL_SIZE: 1, INSERT_STRATEGY: 'single' })
    const gate = await lockTable(app, 'simple_text')
    const answers = [1, 2, 3, 4, 5].map(() => fetch(`${app.url}/test-insert`))
    await gate.waiters(5)
    expect(app.store.database.counts().used).toBe(5)
    await gate.open()
    for (const answer of await Promise.all(answers)) await expectJson(answer, 200)
    await expect.poll(() => openConnections(app), { interval: 5 }).toBe(0)
  })

  it('answers 503 where PostgreSQL has no more connections, and serves those who got one', async () => {
    const app = await startApp({
      CONNECTION_MODE: 'per-request',
      INSERT_STRATEGY: 'single',
      databaseUrl: url => withConnectionLimit(url, 3),
    })
    const gate = await lockTable(app, 'simple_text')
    const answers = fifty.map(() => fetch(`${app.url}/test-insert`))
    await gate.waiters(3)
    await expect.poll(() => metric(app, 'http_server_active_requests')).toBe(3)
    await gate.open()
    const statuses = await Promise.all(
      answers.map(async answer => {
        const response = await answer
        if (response.status === 503) {
          const { detail } = await expectProblem(response, 503, 'database_unavailable')
          expect(detail).toContain('53300')
        } else {
          await expectJson(response, 200)
        }
        return response.status
      }),
    )
    expect(statuses.filter(status => status === 200)).toHaveLength(3)
    expect(await app.sql('SELECT FROM simple_text')).toHaveLength(3)
  })
})

describe('a pool', () => {
  it('of one connection answers 50 requests at once, of every kind', async () => {
    const app = await startApp({ POOL_SIZE: 1 })
    const { id } = await expectJson(await post(`${app.url}/tasks/`, { title: 'a task' }), 201)
    const kinds = [
      () => fetch(`${app.url}/test-insert?strategy=single`),
      () => fetch(`${app.url}/test-insert?strategy=prepared&rows=3`),
      () => fetch(`${app.url}/test-insert?strategy=copy`),
      () => fetch(`${app.url}/test-insert`),
      () => fetch(`${app.url}/tasks/`),
      () => fetch(`${app.url}/tasks/${id}`),
      () => post(`${app.url}/tasks/`, { title: 'another' }),
      () => fetch(`${app.url}/readyz`),
    ]
    const answers = await Promise.all(fifty.map(i => kinds[i % kinds.length]?.()))
    for (const answer of answers) expect([200, 201]).toContain(answer?.status)
    expect(await openConnections(app)).toBe(1)
    expect(app.store.database.counts()).toEqual({ max: 1, idle: 1, used: 0, pending: 0 })
  })

  it('never has more connections than it may', async () => {
    const app = await startApp({ POOL_SIZE: 5, INSERT_STRATEGY: 'prepared' })
    const gate = await lockTable(app, 'simple_text')
    const answers = fifty.map(() => fetch(`${app.url}/test-insert`))
    await gate.waiters(5)
    await expect.poll(() => app.store.database.counts()).toEqual({ max: 5, idle: 0, used: 5, pending: 45 })
    expect(await openConnections(app)).toBe(5)
    await gate.open()
    for (const answer of await Promise.all(answers)) await expectJson(answer, 200)
    expect(await openConnections(app)).toBe(5)
  })

  it('refuses those for whom there is no room to wait', async () => {
    const app = await startApp({ POOL_SIZE: 1, QUEUE_LIMIT: 3, INSERT_STRATEGY: 'single' })
    const gate = await lockTable(app, 'simple_text')
    const first = fetch(`${app.url}/test-insert`)
    await gate.waiters(1)
    const waiting = [1, 2, 3].map(() => fetch(`${app.url}/test-insert`))
    await expect.poll(() => app.store.database.counts().pending, { interval: 5 }).toBe(3)
    await expectProblem(await fetch(`${app.url}/test-insert`), 503, 'overloaded')
    await expectProblem(await fetch(`${app.url}/tasks/`), 503, 'overloaded')
    await expectProblem(await fetch(`${app.url}/readyz`), 503, 'overloaded')
    expect(await metric(app, 'requests_rejected_total{reason="connection_queue"}')).toBe(3)
    await gate.open()
    for (const answer of await Promise.all([first, ...waiting])) await expectJson(answer, 200)
  })

  it('refuses those who waited too long for a connection', async () => {
    const app = await startApp({ POOL_SIZE: 1, REQUEST_DEADLINE_MS: 500, INSERT_STRATEGY: 'single' })
    // A commit is under no statement's limit, so it keeps the only connection longer than anybody waits.
    const gate = await holdCommits(app)
    const first = fetch(`${app.url}/test-insert`)
    await gate.waiters(1)
    for (const answer of await Promise.all([1, 2, 3].map(() => fetch(`${app.url}/tasks/`)))) {
      await expectProblem(answer, 503, 'deadline_exceeded')
    }
    expect(await metric(app, 'db_client_connection_timeouts_total')).toBe(3)
    await expectProblem(await first, 503, 'outcome_unknown')
    await gate.killWaiters()
    await gate.open()
    await expectJson(await fetch(`${app.url}/tasks/`), 200)
  })

  it('answers 503 where PostgreSQL gives it fewer connections than it may open, and goes on with those', async () => {
    const app = await startApp({
      POOL_SIZE: 20,
      INSERT_STRATEGY: 'single',
      databaseUrl: url => withConnectionLimit(url, 3),
    })
    const gate = await lockTable(app, 'simple_text')
    const answers = fifty.map(() => fetch(`${app.url}/test-insert`))
    await gate.waiters(3)
    await gate.open()
    const statuses = await Promise.all(answers.map(async answer => (await answer).status))
    expect(new Set(statuses)).toEqual(new Set([200, 503]))
    for (const answer of await Promise.all(fifty.slice(0, 3).map(() => fetch(`${app.url}/test-insert`)))) {
      await expectJson(answer, 200)
    }
  })

  it.each(['batched', 'single', 'prepared', 'copy'] as const)(
    'passes synchronous_commit on to PostgreSQL, for %s',
    async insertStrategy => {
      const app = await startApp({ SYNCHRONOUS_COMMIT: 'off', INSERT_STRATEGY: insertStrategy })
      await app.sql(`
        CREATE FUNCTION write_setting() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          NEW.text = current_setting('synchronous_commit');
          RETURN NEW;
        END $$`)
      await app.sql(
        'CREATE TRIGGER write_setting BEFORE INSERT ON simple_text FOR EACH ROW EXECUTE FUNCTION write_setting()',
      )
      await expectJson(await fetch(`${app.url}/test-insert`), 200)
      expect(await app.sql('SELECT text FROM simple_text')).toEqual([{ text: 'off' }])
    },
  )
})

/** A role that PostgreSQL gives no more than so many connections; for superusers there is no limit. */
async function withConnectionLimit(databaseUrl: string, limit: number): Promise<string> {
  const role = `limited_${randomBytes(8).toString('hex')}`
  await execute(
    databaseUrl,
    `CREATE ROLE ${role} LOGIN PASSWORD 'limited' CONNECTION LIMIT ${limit};
    GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}`,
  )
  // By then the database and the grants in it are gone.
  onTestFinished(() => execute(inject('postgres').url, `DROP ROLE ${role}`))
  const url = new URL(databaseUrl)
  url.username = role
  url.password = 'limited'
  return url.href
}

async function execute(databaseUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query(statement)
  await client.end()
}
