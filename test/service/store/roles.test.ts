import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { insertStrategyNames } from '../../../src/service/store/inserts/insert-strategy.ts'
import { createConnectedDatabase } from '../../helpers/database.ts'
import { expectJson, post, send } from '../../helpers/http.ts'
import { processTree } from '../../helpers/processes.ts'
import { spawn, start } from '../../helpers/service.ts'

/** As deploy/docker/postgres-init.sql makes them: one role owns the tables, the other one serves. */
const owner = `owner_${process.pid}`
const server = `server_${process.pid}`
const migration = { MIGRATION_USER: owner, MIGRATION_PASSWORD: 'owner-secret' }

let database: Awaited<ReturnType<typeof createConnectedDatabase>>
let url: string
let role: pg.Client

beforeAll(async () => {
  database = await createConnectedDatabase()
  const { rows } = await database.sql.query('SELECT current_database() AS name')
  await database.sql.query(`
    DROP TABLE simple_text, tasks, insertlab_schema_version;
    CREATE ROLE ${owner} LOGIN PASSWORD 'owner-secret';
    CREATE ROLE ${server} LOGIN PASSWORD 'server-secret';
    ALTER DATABASE ${rows[0].name} OWNER TO ${owner}`)
  const asServer = new URL(database.url)
  asServer.username = server
  asServer.password = 'server-secret'
  url = asServer.href
  role = new pg.Client({ connectionString: url })
  await role.connect()
})
afterAll(async () => {
  await role.end()
  await database.sql.query(`REASSIGN OWNED BY ${owner} TO CURRENT_USER; DROP OWNED BY ${owner}, ${server}`)
  await database.sql.query(`DROP ROLE ${owner}, ${server}`)
  await database.drop()
})

const environmentOf = (pid: number | undefined) => readFile(`/proc/${pid}/environ`, 'utf8')

async function useEveryRoute(service: string): Promise<void> {
  for (const strategy of insertStrategyNames) {
    await expectJson(await fetch(`${service}/test-insert?rows=3&strategy=${strategy}`), 200)
  }
  await expectJson(await post(`${service}/texts`, { text: 'a' }), 201)
  const bulk = { headers: { 'content-type': 'application/x-ndjson' } }
  await expectJson(await send('POST', `${service}/texts/bulk`, '{"text":"a"}\n{"text":"b"}\n', bulk), 201)
  const { id } = await expectJson(await post(`${service}/tasks/`, { title: 'a' }), 201)
  await expectJson(await fetch(`${service}/tasks/?limit=5`), 200)
  await expectJson(await fetch(`${service}/tasks/${id}`), 200)
  await expectJson(await send('PUT', `${service}/tasks/${id}`, '{"title":"b","done":true}'), 200)
  expect((await fetch(`${service}/tasks/${id}`, { method: 'DELETE' })).status).toBe(204)
  await expectJson(await fetch(`${service}/readyz`), 200)
}

describe('a service whose role owns nothing', () => {
  it('says that nobody has migrated', async () => {
    const { service, errors } = await spawn(url)
    expect(await service.ended).toEqual({ code: 1, signal: null })
    expect(errors()).toMatch(
      /^insertlab: the database cannot be used: permission denied for schema public\. Set MIGRATION_USER [^\n]*\n$/,
    )
  })

  it('serves every route when MIGRATION_USER has migrated at its start', async () => {
    const service = await start(url, migration)
    await useEveryRoute(service.url)
    const { rows } = await database.sql.query(
      `SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name = 'insertlab' AND datname = current_database()`,
    )
    expect(rows).toEqual([{ usename: server }])
  })

  it('serves every route when somebody has migrated before', async () => {
    const service = await start(url)
    await useEveryRoute(service.url)
  })

  it('serves with several workers, to which the password of the owner is unknown', async () => {
    const service = await start(url, { ...migration, WORKERS: '2', POOL_SIZE: '2' })
    await useEveryRoute(service.url)
    if (process.platform !== 'linux') return
    const [supervisor, ...workers] = await processTree(service.service.child.pid ?? 0)
    expect(workers).toHaveLength(2)
    for (const pid of workers) expect(await environmentOf(pid)).not.toContain('owner-secret')
    expect(await environmentOf(supervisor)).toContain('owner-secret')
  })

  it('may do what the service does, and no more', async () => {
    const { rows } = await database.sql.query(
      `SELECT table_name || ': ' || string_agg(privilege_type, ', ' ORDER BY privilege_type) AS grants
       FROM information_schema.role_table_grants WHERE grantee = $1 GROUP BY table_name ORDER BY 1`,
      [server],
    )
    expect(rows.map(({ grants }) => grants)).toEqual([
      'insertlab_schema_version: SELECT',
      'simple_text: INSERT, SELECT',
      'tasks: DELETE, INSERT, SELECT, UPDATE',
    ])
  })

  it.each([
    'DROP TABLE tasks',
    'TRUNCATE tasks',
    'ALTER TABLE tasks ADD COLUMN note text',
    'DELETE FROM simple_text',
    'UPDATE insertlab_schema_version SET version = 0',
    `SELECT setval('tasks_id_seq', 1)`,
    'CREATE TABLE mine (id int)',
    'CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS $$SELECT 1$$',
    'CREATE SCHEMA mine',
    'CREATE EXTENSION pg_trgm',
    `COPY simple_text TO PROGRAM 'true'`,
    `SELECT pg_read_file('postgresql.conf')`,
    'CREATE ROLE mine',
    `SET ROLE ${owner}`,
  ])('may not %s', async statement => {
    await expect(role.query(statement)).rejects.toMatchObject({ code: '42501' })
  })
})

it('a role of MIGRATION_USER that cannot log in is told by its own remedy', async () => {
  const { service, errors } = await spawn(url, { ...migration, MIGRATION_PASSWORD: 'wrong' })
  expect(await service.ended).toEqual({ code: 1, signal: null })
  expect(errors()).toMatch(
    new RegExp(
      `^insertlab: the database cannot be used: password authentication failed for user "${owner}"\\. [^\\n]*MIGRATION_PASSWORD[^\\n]*\\n$`,
    ),
  )
})
