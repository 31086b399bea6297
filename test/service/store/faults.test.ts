import { describe, expect, it } from 'vitest'
import { findFreePort } from '../../../src/lab/stack/free-port.ts'
import {
  type InsertStrategyName,
  insertStrategyNames,
} from '../../../src/service/store/inserts/insert-strategy.ts'
import { type RunningApp, startApp } from '../../helpers/app.ts'
import { holdCommits, lockTable } from '../../helpers/gate.ts'
import { expectJson, expectProblem, post, send } from '../../helpers/http.ts'
import { TcpProxy } from '../../helpers/tcp-proxy.ts'

async function startBehindProxy(insertStrategy: InsertStrategyName) {
  const proxies: TcpProxy[] = []
  const app = await startApp({
    INSERT_STRATEGY: insertStrategy,
    databaseUrl: async url => {
      const proxy = await TcpProxy.start(url)
      proxies.push(proxy)
      return proxy.url
    },
  })
  const [proxy] = proxies
  if (proxy === undefined) throw new Error('the app asked for no database')
  return { app, proxy }
}

const count = async (app: RunningApp) => (await app.sql('SELECT FROM simple_text')).length
const ndjson = { headers: { 'content-type': 'application/x-ndjson' } }

describe.each(insertStrategyNames)('%s', strategy => {
  it.each([1, 3])('does not know what became of %i rows whose commit was not confirmed', async rows => {
    const { app, proxy } = await startBehindProxy(strategy)
    const gate = await holdCommits(app)
    const answer = fetch(`${app.url}/test-insert?rows=${rows}`)
    await gate.waiters(1)
    const withheld = proxy.withholdAnswers()
    await gate.open()
    await withheld
    expect(await count(app)).toBe(rows)
    proxy.deliverAnswers()
    await expectProblem(await answer, 503, 'outcome_unknown')
    await expectJson(await fetch(`${app.url}/test-insert?rows=${rows}`), 200)
  })

  it.each([1, 3])(
    'does not know what became of %i rows whose connection was killed at commit',
    async rows => {
      const app = await startApp({ INSERT_STRATEGY: strategy })
      const gate = await holdCommits(app)
      const answer = fetch(`${app.url}/test-insert?rows=${rows}`)
      await gate.waiters(1)
      expect(await gate.killWaiters()).toBe(1)
      await expectProblem(await answer, 503, 'outcome_unknown')
      await gate.open()
      await expectJson(await fetch(`${app.url}/test-insert?rows=${rows}`), 200)
      expect(await count(app)).toBe(rows)
    },
  )

  it('answers 503 while the database is down, lives, and recovers by itself', async () => {
    const { app, proxy } = await startBehindProxy(strategy)
    await expectJson(await post(`${app.url}/texts`, { text: 'before' }), 201)
    await expectJson(await fetch(`${app.url}/readyz`), 200)

    await proxy.stop()
    for (let i = 0; i < 3; i++) {
      await expectProblem(await post(`${app.url}/texts`, { text: 'down' }), 503, 'database_unavailable')
    }
    await expectProblem(await fetch(`${app.url}/test-insert?rows=3`), 503, 'database_unavailable')
    await expectProblem(await fetch(`${app.url}/readyz`), 503, 'database_unavailable')
    await expectJson(await fetch(`${app.url}/livez`), 200)
    await expectJson(await fetch(`${app.url}/ping`), 200)

    await proxy.restart()
    await expectJson(await post(`${app.url}/texts`, { text: 'after' }), 201)
    await expectJson(await fetch(`${app.url}/readyz`), 200)
    expect((await app.sql('SELECT text FROM simple_text ORDER BY id')).map(({ text }) => text)).toEqual([
      'before',
      'after',
    ])
  })

  it('outlives a database that breaks off under load', async () => {
    const { app, proxy } = await startBehindProxy(strategy)
    const gate = await lockTable(app, 'simple_text')
    const answers = Array.from({ length: 50 }, (_, i) => post(`${app.url}/texts`, { text: `text ${i}` }))
    await gate.waiters(strategy === 'batched' ? 1 : 20)
    await proxy.stop()
    for (const answer of await Promise.all(answers)) {
      const { code } = (await answer.clone().json()) as { code: string }
      await expectProblem(answer, 503, code === 'outcome_unknown' ? code : 'database_unavailable')
    }
    await gate.killWaiters()
    await gate.open()
    await proxy.restart()
    await expectJson(await post(`${app.url}/texts`, { text: 'after' }), 201)
    expect(app.log.filter(line => line.includes('request failed'))).toEqual([])
  })

  it.each([
    ['from the start', 0],
    ['after it has served', 16],
  ])('keeps its deadline while the table is locked %s, and stores nothing afterwards', async (_, before) => {
    const app = await startApp({ INSERT_STRATEGY: strategy, REQUEST_DEADLINE_MS: 400, POOL_SIZE: 2 })
    const insert = () => fetch(`${app.url}/test-insert`)
    // One for each connection at a time, so that none waits long.
    for (let sent = 0; sent < before; sent += 2)
      for (const answer of await Promise.all([insert(), insert()])) await expectJson(answer, 200)
    const gate = await lockTable(app, 'simple_text')
    const sentMs = performance.now()
    const answers = await Promise.all(Array.from({ length: 100 }, insert))
    // The wait for a connection may last one deadline, the statement another, the last resort a second more.
    expect(performance.now() - sentMs).toBeLessThan(4_000)
    for (const answer of answers) await expectProblem(answer, 503, 'deadline_exceeded')
    await gate.killWaiters()
    await gate.open()
    await expectJson(await insert(), 200)
    expect(await count(app)).toBe(before + 1)
  })
})

describe('a server that is down', () => {
  it.each(['batched', 'single'] as const)(
    'is asked for few connections, however many requests come: %s',
    async strategy => {
      const { app, proxy } = await startBehindProxy(strategy)
      await expectJson(await post(`${app.url}/texts`, { text: 'before' }), 201)
      const nobody = `http://127.0.0.1:${await findFreePort()}`
      proxy.switchTo(nobody)
      proxy.cut()
      const before = proxy.accepted
      for (let round = 0; round < 10; round++) {
        const answers = Array.from({ length: 50 }, () => post(`${app.url}/texts`, { text: 'down' }))
        for (const answer of await Promise.all(answers)) {
          await expectProblem(answer, 503, 'database_unavailable')
        }
      }
      // The pool is tried once, and then one connection for all who wait.
      expect(proxy.accepted - before).toBeLessThan(50)
      proxy.switchTo(app.databaseUrl)
      await expectJson(await post(`${app.url}/texts`, { text: 'after' }), 201)
    },
  )
})

describe('other routes', () => {
  it('answer 503 while the database is down and recover by themselves', async () => {
    const { app, proxy } = await startBehindProxy('batched')
    const { id } = await expectJson(await post(`${app.url}/tasks/`, { title: 'before' }), 201)
    const requests = () =>
      Promise.all([
        fetch(`${app.url}/tasks/`),
        fetch(`${app.url}/tasks/${id}`),
        post(`${app.url}/tasks/`, { title: 'new' }),
        send('PUT', `${app.url}/tasks/${id}`, '{"title":"changed","done":true}'),
        send('POST', `${app.url}/texts/bulk`, '{"text":"bulk"}', ndjson),
      ])
    await proxy.stop()
    for (const answer of await requests()) {
      await expectProblem(answer, 503, 'database_unavailable')
    }
    await proxy.restart()
    expect((await requests()).map(({ status }) => status)).toEqual([200, 200, 201, 200, 201])
  })

  it('an idle connection that PostgreSQL ended is replaced', async () => {
    const app = await startApp({ POOL_SIZE: 3 })
    await expectJson(await fetch(`${app.url}/tasks/`), 200)
    await app.sql(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    )
    await expect.poll(() => app.store.database.counts().idle, { interval: 5 }).toBe(0)
    await expectJson(await fetch(`${app.url}/tasks/`), 200)
  })
})
