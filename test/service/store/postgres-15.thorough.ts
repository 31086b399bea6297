import { existsSync } from 'node:fs'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PostgresServer, startPostgres } from '../../../src/lab/stack/embedded-postgres.ts'
import { insertStrategyNames } from '../../../src/service/store/inserts/insert-strategy.ts'
import { expectJson, expectProblem, post, send } from '../../helpers/http.ts'
import { start } from '../../helpers/service.ts'
import { refusingTrigger } from './refusing-trigger.ts'

/** Where Debian's packages put it. */
const debians15 = '/usr/lib/postgresql/15'

/** The service's statements on a PostgreSQL without `MERGE … RETURNING`. */
describe.skipIf(!existsSync(debians15))('PostgreSQL 15', () => {
  let server: PostgresServer
  let sql: pg.Client
  let url: string

  beforeAll(async () => {
    server = await startPostgres({ installation: debians15 })
    sql = new pg.Client({ connectionString: server.url })
    await sql.connect()
  })
  afterAll(async () => {
    await sql.end()
    await server.stop()
  })

  it('is served from its start', async () => {
    expect((await sql.query('SHOW server_version_num')).rows[0].server_version_num).toMatch(/^15/)
    ;({ url } = await start(server.url))
    await expectJson(await fetch(`${url}/readyz`), 200)
  })

  const textById = async (ids: readonly unknown[]) => {
    const { rows } = await sql.query('SELECT id, text FROM simple_text WHERE id = ANY($1)', [ids])
    return new Map(rows.map(({ id, text }) => [Number(id), text as string]))
  }

  it.each(insertStrategyNames)('stores rows and gives their ids: %s', async strategy => {
    ;({ url } = await start(server.url, { INSERT_STRATEGY: strategy }))
    const texts = Array.from({ length: 300 }, (_, i) => `${strategy} ${i} {"\\N",'\t🙂}`)
    const ids = await Promise.all(
      texts.map(async text => (await expectJson(await post(`${url}/texts`, { text }), 201))['id']),
    )
    const stored = await textById(ids)
    expect(ids.map(id => stored.get(id as number))).toEqual(texts)
    const { ids: many } = await expectJson(await fetch(`${url}/test-insert?rows=500`), 200)
    expect((await textById(many as number[])).size).toBe(500)
    expect((many as number[]).toSorted((a, b) => a - b)).toEqual(many)
  })

  it.each(insertStrategyNames)('refuses one bad row alone: %s', async strategy => {
    ;({ url } = await start(server.url, { INSERT_STRATEGY: strategy }))
    await sql.query(refusingTrigger())
    const texts = Array.from({ length: 60 }, (_, i) => (i % 9 === 4 ? `bad ${i}` : `good ${strategy} ${i}`))
    const answers = await Promise.all(texts.map(text => post(`${url}/texts`, { text })))
    for (const [i, answer] of answers.entries()) {
      if (texts[i]?.startsWith('bad')) await expectProblem(answer, 400, 'text_not_storable')
      else await expectJson(answer, 201)
    }
    await sql.query('DROP TRIGGER refuse_bad ON simple_text; DROP FUNCTION refuse_bad')
  })

  it('takes a stream and tasks', async () => {
    ;({ url } = await start(server.url))
    const lines = Array.from({ length: 1000 }, (_, i) => `{"text":"stream ${i}"}\n`).join('')
    const headers = { 'content-type': 'application/x-ndjson' }
    expect(await expectJson(await send('POST', `${url}/texts/bulk`, lines, { headers }), 201)).toEqual({
      count: 1000,
    })
    const tasks = await Promise.all(
      Array.from({ length: 50 }, async (_, i) =>
        expectJson(await post(`${url}/tasks/`, { title: `task ${i}` }), 201),
      ),
    )
    expect(tasks.map(({ title }) => title)).toEqual(tasks.map((_, i) => `task ${i}`))
    for (const task of tasks)
      expect(await expectJson(await fetch(`${url}/tasks/${task['id']}`), 200)).toEqual(task)
    const task = `${url}/tasks/${tasks[0]?.['id']}`
    await expectJson(await send('PUT', task, '{"title":"changed","done":true}'), 200)
    expect((await fetch(task, { method: 'DELETE' })).status).toBe(204)
  })
})
