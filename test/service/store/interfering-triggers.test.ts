import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { insertStrategyNames } from '../../../src/service/store/inserts/insert-strategy.ts'
import { openApp, type RunningApp } from '../../helpers/app.ts'
import { lockTable, untilQueued } from '../../helpers/gate.ts'
import { expectJson, expectProblem, post, send } from '../../helpers/http.ts'

/**
 * Triggers that keep rows from being stored or change them, without an error: what is answered is what the database did.
 */

let app: RunningApp

beforeAll(async () => {
  app = await openApp()
  await app.sql(`
    CREATE FUNCTION interfere() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.text LIKE 'dropped%' THEN RETURN NULL; END IF;
      IF NEW.text LIKE 'changed%' THEN NEW.text := upper(NEW.text); END IF;
      IF NEW.text LIKE 'renumbered%' THEN NEW.id := NEW.id + 1000000; END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER interfere BEFORE INSERT ON simple_text FOR EACH ROW EXECUTE FUNCTION interfere();
    CREATE FUNCTION interfere_with_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF coalesce(NEW.title, OLD.title) LIKE 'dropped%' THEN RETURN NULL; END IF;
      IF NEW.title LIKE 'changed%' THEN
        NEW.title := upper(NEW.title); NEW.done := true; NEW.created_at := '2000-01-01Z';
      END IF;
      RETURN coalesce(NEW, OLD);
    END $$;
    CREATE TRIGGER interfere_with_tasks BEFORE INSERT OR UPDATE OR DELETE ON tasks
    FOR EACH ROW EXECUTE FUNCTION interfere_with_tasks()`)
})
afterAll(() => app.close())
beforeEach(() => app.sql('TRUNCATE simple_text, tasks'))

const texts = async () => (await app.sql('SELECT text FROM simple_text ORDER BY id')).map(({ text }) => text)

describe.each(insertStrategyNames)('%s', strategy => {
  const insert = (...rows: string[]) => app.store.texts.insert(rows, { strategy })
  const textOf = async (id: number | undefined) =>
    (await app.sql('SELECT text FROM simple_text WHERE id = $1', [id])).map(({ text }) => text)

  it.each([
    ['alone', ['dropped']],
    ['first', ['dropped', 'b', 'c']],
    ['last', ['a', 'b', 'dropped']],
    ['everywhere', ['dropped 1', 'dropped 2']],
  ])('fails where a row is dropped, %s, and stores none of them', async (_, rows) => {
    await expect(insert(...rows)).rejects.toMatchObject({ code: 'text_not_storable' })
    expect(await texts()).toEqual([])
    const [id] = await insert('after')
    expect(await textOf(id)).toEqual(['after'])
  })

  it('gives the id of a row that is changed', async () => {
    const ids = await insert('plain', 'changed')
    expect(await Promise.all(ids.map(textOf))).toEqual([['plain'], ['CHANGED']])
  })

  it('gives no id of a row that is not there where ids are changed', async () => {
    const answers = await Promise.allSettled([insert('renumbered'), insert('renumbered 1', 'renumbered 2')])
    const given = answers.flatMap(answer => (answer.status === 'fulfilled' ? answer.value : []))
    expect((await Promise.all(given.map(textOf))).flat()).toHaveLength(given.length)
    expect(await texts()).toHaveLength(given.length)
  })
})

it('a batch stores the neighbours of rows that are dropped, each under its own id', async () => {
  const lock = await lockTable(app, 'simple_text')
  const first = post(`${app.url}/texts`, { text: 'alone' })
  await lock.waiters(1)
  const sent = Array.from({ length: 40 }, (_, i) => `${i % 9 === 4 ? 'dropped' : 'kept'} ${i}`)
  const answers = sent.map(text => post(`${app.url}/texts`, { text }))
  await untilQueued(app, sent.length)
  await lock.open()
  await expectJson(await first, 201)
  for (const [i, answer] of (await Promise.all(answers)).entries()) {
    if (sent[i]?.startsWith('dropped')) {
      await expectProblem(answer, 400, 'text_not_storable')
    } else {
      const { id } = await expectJson(answer, 201)
      expect(await app.sql('SELECT text FROM simple_text WHERE id = $1', [id])).toEqual([{ text: sent[i] }])
    }
  }
  expect(await texts()).toHaveLength(1 + sent.filter(text => text.startsWith('kept')).length)
})

it('a stream is answered with the number of rows that were stored, and fails where there are none', async () => {
  const bulk = (...lines: string[]) =>
    send('POST', `${app.url}/texts/bulk`, lines.map(text => `${JSON.stringify({ text })}\n`).join(''), {
      headers: { 'content-type': 'application/x-ndjson' },
    })
  expect(await expectJson(await bulk('a', 'dropped', 'changed'), 201)).toEqual({ count: 2 })
  expect(await texts()).toEqual(['a', 'CHANGED'])
  await expectProblem(await bulk('dropped 1', 'dropped 2'), 400, 'text_not_storable')
})

describe('tasks', () => {
  const changed = { title: 'CHANGED', done: true, createdAt: '2000-01-01T00:00:00.000Z' }

  it('are answered as they were stored, or with an error', async () => {
    const answers = await Promise.all(
      ['plain', 'dropped', 'changed', 'dropped too'].map(title => post(`${app.url}/tasks/`, { title })),
    )
    const [plain, dropped, other, alsoDropped] = answers as [Response, Response, Response, Response]
    expect(await expectJson(plain, 201)).toMatchObject({ title: 'plain', done: false })
    expect(await expectJson(other, 201)).toMatchObject(changed)
    await expectProblem(dropped, 400, 'text_not_storable')
    await expectProblem(alsoDropped, 400, 'text_not_storable')
    expect(await app.sql('SELECT FROM tasks')).toHaveLength(2)
  })

  it('are not missing because a trigger keeps them as they are', async () => {
    const { id } = await expectJson(await post(`${app.url}/tasks/`, { title: 'plain' }), 201)
    const url = `${app.url}/tasks/${id}`
    await expectProblem(await send('PUT', url, '{"title":"dropped","done":true}'), 400, 'text_not_storable')
    expect(await expectJson(await send('PUT', url, '{"title":"changed","done":false}'), 200)).toMatchObject(
      changed,
    )
    await app.sql('ALTER TABLE tasks DISABLE TRIGGER USER')
    await app.sql(`UPDATE tasks SET title = 'dropped'`)
    await app.sql('ALTER TABLE tasks ENABLE TRIGGER USER')
    await expectProblem(await fetch(url, { method: 'DELETE' }), 400, 'text_not_storable')
    expect(await app.sql('SELECT FROM tasks')).toHaveLength(1)
    await expectProblem(await fetch(`${app.url}/tasks/999999`, { method: 'DELETE' }), 404, 'not_found')
  })
})
