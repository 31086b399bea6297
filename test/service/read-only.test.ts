import { describe, expect, it } from 'vitest'
import { insertStrategyNames } from '../../src/service/store/inserts/insert-strategy.ts'
import { type RunningApp, startApp } from '../helpers/app.ts'
import { expectJson, expectProblem, post, send } from '../helpers/http.ts'

const readOnly = (url: string) => `${url}?options=-c%20default_transaction_read_only%3Don`

/** What the log says about a database that cannot be used. */
const complaints = ({ log }: RunningApp) => log.filter(line => line.includes('the database cannot be used'))

describe('a read-only database', () => {
  it('makes the service not ready, but alive, and is still read', async () => {
    const app = await startApp({ databaseUrl: readOnly })
    await expectProblem(await fetch(`${app.url}/readyz`), 503, 'database_read_only')
    await expectJson(await fetch(`${app.url}/livez`), 200)
    expect(await expectJson(await fetch(`${app.url}/tasks/`), 200)).toEqual({ items: [], next: null })
  })

  it.each(insertStrategyNames)('is what an insert by %s answers, and one line of the log', async strategy => {
    const app = await startApp({ databaseUrl: readOnly, INSERT_STRATEGY: strategy })
    for (let i = 0; i < 5; i++) {
      const { title } = await expectProblem(
        await post(`${app.url}/texts`, { text: 'a' }),
        503,
        'database_read_only',
      )
      expect(title).toContain('read-only')
    }
    expect(complaints(app)).toHaveLength(1)
    expect(complaints(app)[0]).toContain('25006')
    expect(app.log.filter(line => line.includes('request failed'))).toEqual([])
  })

  it.each([
    ['POST', '/tasks/', { title: 'a' }],
    ['PUT', '/tasks/1', { title: 'a', done: true }],
    ['DELETE', '/tasks/1', undefined],
  ])('is what %s %s answers', async (method, path, body) => {
    const app = await startApp({ databaseUrl: readOnly })
    const answer = body
      ? await send(method, app.url + path, JSON.stringify(body))
      : await fetch(app.url + path, { method })
    await expectProblem(answer, 503, 'database_read_only')
  })

  it('is ready again when it takes writes', async () => {
    const app = await startApp()
    await expectJson(await fetch(`${app.url}/readyz`), 200)
    const [row] = await app.sql('SELECT current_database() AS name')
    const set = async (value: string) => {
      await app.sql(`ALTER DATABASE ${row?.['name']} SET default_transaction_read_only = ${value}`)
      // The setting holds for new sessions.
      await app.sql(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
      )
    }
    const readiness = async () => (await fetch(`${app.url}/readyz`)).status
    await set('on')
    await expect
      .poll(async () => (await post(`${app.url}/texts`, { text: 'a' })).text())
      .toContain('read_only')
    expect(await readiness()).toBe(503)
    await app.sql('SET default_transaction_read_only = off')
    await set('off')
    await expect.poll(readiness).toBe(200)
    await expectJson(await post(`${app.url}/texts`, { text: 'a' }), 201)
  })
})

it('a database that cannot be reached is one line of the log, however many requests fail', async () => {
  const app = await startApp({ databaseUrl: () => 'postgresql://nobody@127.0.0.1:1/none' })
  for (let i = 0; i < 5; i++) {
    await expectProblem(await post(`${app.url}/texts`, { text: 'a' }), 503, 'database_unavailable')
  }
  expect(complaints(app)).toHaveLength(1)
})
