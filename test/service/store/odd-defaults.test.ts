import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { insertStrategyNames } from '../../../src/service/store/inserts/insert-strategy.ts'
import { openApp, type RunningApp, startApp } from '../../helpers/app.ts'
import { expectJson, post, send } from '../../helpers/http.ts'

const settings = {
  DateStyle: 'SQL, DMY',
  IntervalStyle: 'sql_standard',
  TimeZone: 'Asia/Kathmandu',
  client_encoding: 'LATIN1',
  standard_conforming_strings: 'off',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  array_nulls: 'off',
  xmloption: 'document',
}
const texts = ['plain', 'NULL', "it's", '\\', '\\N', '{a,"b"}', 'tab\tfeed\n', 'ünïcödé', '日本語 🙂', '']

describe.each(['DATABASE', 'ROLE'])('a %s whose defaults are odd', kind => {
  let app: RunningApp

  beforeAll(async () => {
    app = await openApp({ databaseUrl: url => (kind === 'ROLE' ? withOddRole(url) : url) })
    if (kind === 'DATABASE') {
      const [{ name } = {}] = await app.sql('SELECT current_database() AS name')
      await app.sql(oddDefaults(`DATABASE ${name}`))
    }
  })
  afterAll(() => app.close())

  it.each(insertStrategyNames)('changes no text: %s', async strategy => {
    const ids = await app.store.texts.insert(texts, { strategy })
    const rows = await app.sql('SELECT id, text FROM simple_text WHERE id = ANY($1)', [ids])
    const textById = new Map(rows.map(({ id, text }) => [id, text]))
    expect(ids.map(id => textById.get(id))).toEqual(texts)
  })

  it('changes no text of a stream', async () => {
    await app.sql('TRUNCATE simple_text')
    const lines = texts.map(text => `${JSON.stringify({ text })}\n`).join('')
    const headers = { 'content-type': 'application/x-ndjson' }
    await expectJson(await send('POST', `${app.url}/texts/bulk`, lines, { headers }), 201)
    expect((await app.sql('SELECT text FROM simple_text ORDER BY id')).map(({ text }) => text)).toEqual(texts)
  })

  it('changes no task', async () => {
    const titles = texts.filter(text => text !== '')
    const created = await Promise.all(
      titles.map(async title => expectJson(await post(`${app.url}/tasks/`, { title }), 201)),
    )
    expect(created.map(({ title }) => title)).toEqual(titles)
    for (const task of created) {
      const [stored] = await app.sql('SELECT created_at FROM tasks WHERE id = $1', [task['id']])
      expect(stored).toEqual({ created_at: new Date(String(task['createdAt'])) })
      expect(await expectJson(await fetch(`${app.url}/tasks/${task['id']}`), 200)).toEqual(task)
    }
    expect(await expectJson(await fetch(`${app.url}/tasks/`), 200)).toEqual({
      items: created.toSorted((a, b) => Number(a['id']) - Number(b['id'])),
      next: null,
    })
  })
})

it.each([
  ['infinity', 'infinity'],
  ['-infinity', '-infinity'],
  ['0044-03-15 12:00:00+00 BC', '0044-03-15T12:00:00 BC'],
  ['12345-06-07 08:09:10+00', '12345-06-07T08:09:10'],
  ['2026-01-02 03:04:05.678999+05:45', '2026-01-01T21:19:05.678Z'],
])('a task that was created at %s is answered, as are those beside it', async (stored, createdAt) => {
  const app = await startApp()
  await app.sql(`ALTER TABLE tasks ALTER created_at SET DEFAULT '${stored}'`)
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, i) => post(`${app.url}/tasks/`, { title: `task ${i}` })),
  )
  const tasks = await Promise.all(answers.map(answer => expectJson(answer, 201)))
  for (const [i, task] of tasks.entries()) {
    expect(task).toEqual({ id: expect.any(Number), title: `task ${i}`, done: false, createdAt })
    expect(await expectJson(await fetch(`${app.url}/tasks/${task['id']}`), 200)).toEqual(task)
  }
  const { items } = await expectJson(await fetch(`${app.url}/tasks/`), 200)
  expect(items).toHaveLength(10)
  const url = `${app.url}/tasks/${tasks[0]?.['id']}`
  expect(await expectJson(await send('PUT', url, '{"title":"changed","done":true}'), 200)).toMatchObject({
    createdAt,
  })
})

it('the strictest isolation and a limit of the role on its statements change nothing', async () => {
  const app = await startApp({
    databaseUrl: url =>
      withRole(url, { default_transaction_isolation: 'serializable', statement_timeout: '1' }),
  })
  await expectJson(await fetch(`${app.url}/test-insert?rows=1000`), 200)
})

function oddDefaults(target: string, defaults: Record<string, string> = settings): string {
  return Object.entries(defaults)
    .map(([name, value]) => `ALTER ${target} SET ${name} = ${pg.escapeLiteral(value)};`)
    .join('')
}

const withOddRole = (databaseUrl: string) => withRole(databaseUrl, settings)

/** Connects as a new role with these settings, which owns what the service uses. */
async function withRole(databaseUrl: string, defaults: Record<string, string>): Promise<string> {
  const role = `odd_${randomBytes(8).toString('hex')}`
  await execute(
    databaseUrl,
    `CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD 'odd'; ${oddDefaults(`ROLE ${role}`, defaults)}`,
  )
  roles.push(role)
  const url = new URL(databaseUrl)
  url.username = role
  url.password = 'odd'
  return url.href
}

/** Roles belong to the server, so they outlive the databases of the tests. */
const roles: string[] = []
afterAll(async () => {
  for (const role of roles) await execute(inject('postgres').url, `DROP ROLE ${role}`)
})

async function execute(databaseUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query(statement)
  await client.end()
}
