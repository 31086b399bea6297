import { describe, expect, it } from 'vitest'
import { startApp } from '../../helpers/app.ts'
import { holdCommits, lockTable, metric, untilQueued } from '../../helpers/gate.ts'
import { expectJson, expectProblem, post, RawClient } from '../../helpers/http.ts'
import { refuseBadTexts } from './refusing-trigger.ts'

const textsIn = async (app: Awaited<ReturnType<typeof startApp>>) =>
  (await app.sql('SELECT text FROM simple_text ORDER BY id')).map(({ text }) => text)

/** Resolves when one row is stored, and another, which came meanwhile, waits for more. */
async function lingerOne(app: Awaited<ReturnType<typeof startApp>>) {
  const lock = await lockTable(app, 'simple_text')
  const first = post(`${app.url}/texts`, { text: 'alone' })
  await lock.waiters(1)
  const lingering = post(`${app.url}/texts`, { text: 'lingers' })
  await untilQueued(app, 1)
  await lock.open()
  await expectJson(await first, 201)
  return { lingering }
}

describe('group commit', () => {
  it('sends what has arrived during one batch as the next one', async () => {
    const app = await startApp()
    const lock = await lockTable(app, 'simple_text')
    const first = post(`${app.url}/texts`, { text: 'alone' })
    await lock.waiters(1)
    const others = Array.from({ length: 40 }, (_, i) => post(`${app.url}/texts`, { text: `together ${i}` }))
    await untilQueued(app, 40)
    await lock.open()
    for (const answer of await Promise.all([first, ...others])) await expectJson(answer, 201)

    expect(await metric(app, 'insert_batch_rows_count{db_collection_name="simple_text"}')).toBe(2)
    expect(await metric(app, 'insert_batch_rows_sum{db_collection_name="simple_text"}')).toBe(41)
  })

  it('lets rows that have company wait for more of it', async () => {
    const app = await startApp({ BATCH_LINGER_MS: 3000 })
    const { lingering } = await lingerOne(app)
    const others = [1, 2, 3].map(i => post(`${app.url}/texts`, { text: `joins ${i}` }))
    for (const answer of await Promise.all([lingering, ...others])) await expectJson(answer, 201)

    expect(await metric(app, 'insert_batch_rows_count{db_collection_name="simple_text"}')).toBe(2)
    expect(await metric(app, 'insert_batch_rows_sum{db_collection_name="simple_text"}')).toBe(5)
  })

  // In both, a row that lingered would be refused for its deadline.
  const endless = { BATCH_LINGER_MS: 60_000, REQUEST_DEADLINE_MS: 1000 }

  it('lets a lone row wait for nobody', async () => {
    const app = await startApp(endless)
    for (const text of ['one', 'after', 'another']) {
      await expectJson(await post(`${app.url}/texts`, { text }), 201)
    }
  })

  it('lets a full batch wait for nobody', async () => {
    const app = await startApp(endless)
    const { lingering } = await lingerOne(app)
    await expectJson(await fetch(`${app.url}/test-insert?rows=1000`), 200)
    await expectJson(await lingering, 201)
  })

  it('finds the bad rows of one batch, stores their neighbours and ties each id to its text', async () => {
    const app = await startApp()
    await refuseBadTexts(app)
    const lock = await lockTable(app, 'simple_text')
    const first = post(`${app.url}/texts`, { text: 'alone' })
    await lock.waiters(1)
    const bad = new Set([0, 1, 17, 38, 39])
    const texts = Array.from({ length: 40 }, (_, i) => `${bad.has(i) ? 'bad' : 'good'} ${i}`)
    const answers = texts.map(text => post(`${app.url}/texts`, { text }))
    await untilQueued(app, 40)
    await lock.open()
    await expectJson(await first, 201)

    for (const [i, answer] of (await Promise.all(answers)).entries()) {
      if (bad.has(i)) {
        await expectProblem(answer, 400, 'text_not_storable')
      } else {
        const { id } = await expectJson(answer, 201)
        expect(await app.sql('SELECT text FROM simple_text WHERE id = $1', [id])).toEqual([
          { text: texts[i] },
        ])
      }
    }
    expect(await app.sql('SELECT text FROM simple_text WHERE text LIKE $1', ['bad%'])).toEqual([])
  })

  it('stores or refuses the rows of one request as a unit, also within a batch', async () => {
    const app = await startApp()
    await app.sql(`
      CREATE FUNCTION refuse_once() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW.text <> 'alone' AND (SELECT count(*) FROM simple_text) = 5 THEN
          RAISE EXCEPTION 'the fifth row is bad' USING ERRCODE = '23514';
        END IF;
        RETURN NEW;
      END $$`)
    await app.sql(
      'CREATE TRIGGER refuse_once BEFORE INSERT ON simple_text FOR EACH ROW EXECUTE FUNCTION refuse_once()',
    )
    await app.sql(`INSERT INTO simple_text (text) SELECT 'alone' FROM generate_series(1, 4)`)
    await expectProblem(await fetch(`${app.url}/test-insert?rows=7`), 400, 'text_not_storable')
    expect(await textsIn(app)).toHaveLength(4)
  })

  it('refuses what the queue cannot hold, and stores what it holds', async () => {
    const app = await startApp({ QUEUE_LIMIT: 5 })
    const lock = await lockTable(app, 'simple_text')
    const first = post(`${app.url}/texts`, { text: 'first' })
    await lock.waiters(1)
    const queued = [1, 2, 3].map(i => post(`${app.url}/texts`, { text: `queued ${i}` }))
    await untilQueued(app, 3)
    // Three rows do not fit any more, two do.
    await expectProblem(await fetch(`${app.url}/test-insert?rows=3`), 503, 'overloaded')
    const two = fetch(`${app.url}/test-insert?rows=2`)
    await untilQueued(app, 5)
    await expectProblem(await post(`${app.url}/texts`, { text: 'too many' }), 503, 'overloaded')
    expect(await metric(app, 'requests_rejected_total{reason="batch_queue"}')).toBe(2)

    await lock.open()
    for (const answer of await Promise.all([first, ...queued])) await expectJson(answer, 201)
    await expectJson(await two, 200)
    expect(await textsIn(app)).toHaveLength(6)
    expect(await metric(app, 'insert_queue_depth')).toBe(0)
    await expectJson(await post(`${app.url}/texts`, { text: 'after' }), 201)
  })

  it('bounds the queue and the batch by their characters too', async () => {
    // A slow machine takes seconds to send and to store all this.
    const app = await startApp({ REQUEST_DEADLINE_MS: 60_000 })
    const lock = await lockTable(app, 'simple_text')
    const first = post(`${app.url}/texts`, { text: 'first' })
    await lock.waiters(1)
    const text = 'x'.repeat(1_000_000)
    let answered = 0
    const large = Array.from({ length: 80 }, async () => {
      const answer = await post(`${app.url}/texts`, { text })
      answered++
      return answer
    })
    await untilQueued(app, 67)
    // Only then have all arrived: one that is still on its way when the queue moves finds room.
    await expect.poll(() => answered).toBe(13)
    await expectProblem(await post(`${app.url}/texts`, { text }), 503, 'overloaded')
    await lock.open()
    await expectJson(await first, 201)
    const statuses = (await Promise.all(large)).map(({ status }) => status)
    expect(statuses.filter(status => status === 201)).toHaveLength(67)
    expect(statuses.filter(status => status === 503)).toHaveLength(13)
    expect(await app.sql('SELECT FROM simple_text WHERE text = $1', [text])).toHaveLength(67)
    // The first alone, then eight megabytes at a time.
    expect(await metric(app, 'insert_batch_rows_count{db_collection_name="simple_text"}')).toBe(1 + 9)
  })

  it('refuses rows whose turn does not come in time, sent or waiting, and stores none of them', async () => {
    const app = await startApp({ REQUEST_DEADLINE_MS: 1_000 })
    const lock = await lockTable(app, 'simple_text')
    const sent = post(`${app.url}/texts`, { text: 'sent' })
    await lock.waiters(1)
    const waiting = [1, 2, 3].map(i => post(`${app.url}/texts`, { text: `waiting ${i}` }))
    for (const answer of await Promise.all([sent, ...waiting])) {
      await expectProblem(answer, 503, 'deadline_exceeded')
    }
    await lock.open()
    await expectJson(await post(`${app.url}/texts`, { text: 'after' }), 201)
    expect(await textsIn(app)).toEqual(['after'])
  })

  it('does not let rows wait longer than their deadline for a batch that hangs in its commit', async () => {
    const app = await startApp({ REQUEST_DEADLINE_MS: 1_000 })
    // No statement's limit ends a commit; the connection is cut a second after the deadline.
    const gate = await holdCommits(app)
    const hanging = post(`${app.url}/texts`, { text: 'hanging' })
    await gate.waiters(1)
    const waiting = [1, 2, 3].map(i => post(`${app.url}/texts`, { text: `waiting ${i}` }))
    for (const answer of await Promise.all(waiting)) await expectProblem(answer, 503, 'deadline_exceeded')
    await expectProblem(await hanging, 503, 'outcome_unknown')
    await gate.killWaiters()
    await gate.open()
    await expectJson(await post(`${app.url}/texts`, { text: 'after' }), 201)
    expect(await textsIn(app)).toEqual(['after'])
  })

  it('does not store for a client that has gone before its turn', async () => {
    const app = await startApp()
    const lock = await lockTable(app, 'simple_text')
    const first = post(`${app.url}/texts`, { text: 'first' })
    await lock.waiters(1)
    const body = JSON.stringify({ text: 'nobody waits for this' })
    const leaving = await RawClient.connect(app.url)
    await leaving.write(
      `POST /texts HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
    const staying = post(`${app.url}/texts`, { text: 'staying' })
    await untilQueued(app, 2)
    leaving.destroy()
    await expect.poll(() => metric(app, 'http_server_active_requests'), { interval: 5 }).toBe(2)
    await lock.open()
    await expectJson(await first, 201)
    await expectJson(await staying, 201)
    expect(await textsIn(app)).toEqual(['first', 'staying'])
  })

  it('says that the outcome is unknown where the connection of a batch is lost, and goes on by itself', async () => {
    const app = await startApp()
    const lock = await lockTable(app, 'simple_text')
    const first = post(`${app.url}/texts`, { text: 'first' })
    await lock.waiters(1)
    const batch = Array.from({ length: 10 }, (_, i) => post(`${app.url}/texts`, { text: `batch ${i}` }))
    await untilQueued(app, 10)
    expect(await lock.killWaiters()).toBe(1)
    await expectProblem(await first, 503, 'outcome_unknown')

    // The ten have gone out meanwhile, as one batch on a new connection.
    await lock.waiters(1)
    const next = post(`${app.url}/texts`, { text: 'next' })
    await untilQueued(app, 1)
    expect(await lock.killWaiters()).toBe(1)
    for (const answer of await Promise.all(batch)) await expectProblem(answer, 503, 'outcome_unknown')

    await lock.waiters(1)
    await lock.open()
    await expectJson(await next, 201)
    expect(await textsIn(app)).toEqual(['next'])
  })

  it('creates tasks by the same mechanism', async () => {
    const app = await startApp()
    const lock = await lockTable(app, 'tasks')
    const first = post(`${app.url}/tasks/`, { title: 'first' })
    await lock.waiters(1)
    const others = Array.from({ length: 20 }, (_, i) => post(`${app.url}/tasks/`, { title: `task ${i}` }))
    await untilQueued(app, 20)
    await lock.open()
    const tasks = await Promise.all([first, ...others].map(async answer => expectJson(await answer, 201)))
    for (const task of tasks)
      expect(await expectJson(await fetch(`${app.url}/tasks/${task['id']}`), 200)).toEqual(task)
    expect(tasks.map(({ title }) => title)).toEqual(['first', ...others.map((_, i) => `task ${i}`)])
    expect(await metric(app, 'insert_batch_rows_count{db_collection_name="tasks"}')).toBe(2)
  })
})
