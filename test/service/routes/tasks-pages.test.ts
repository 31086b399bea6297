import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openApp, type RunningApp } from '../../helpers/app.ts'
import { expectJson, expectProblem, post } from '../../helpers/http.ts'

interface Page {
  items: { id: number; title: string; done: boolean; createdAt: string }[]
  next: string | null
}

let app: RunningApp

beforeAll(async () => {
  app = await openApp()
})
afterAll(() => app.close())
beforeEach(() => app.sql('TRUNCATE tasks RESTART IDENTITY'))

const createTasks = (count: number) =>
  app.sql(`INSERT INTO tasks (title) SELECT 'task ' || i FROM generate_series(1, $1) AS i`, [count])

async function page(query: Record<string, string | number>): Promise<Page> {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) parameters.set(name, String(value))
  return (await expectJson(await fetch(`${app.url}/tasks/?${parameters}`), 200)) as unknown as Page
}

/** Follows the cursors to the end. */
async function* pages(limit: number): AsyncGenerator<Page> {
  let after: string | null | undefined
  do {
    const current: Page = await page({ limit, ...(after && { after }) })
    yield current
    after = current.next
  } while (after !== null)
}

async function allIds(limit: number): Promise<number[]> {
  const ids: number[] = []
  for await (const { items } of pages(limit)) ids.push(...items.map(({ id }) => id))
  return ids
}

const oneTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1)

describe('GET /tasks/', () => {
  it('is an empty page where there are no tasks', async () => {
    expect(await page({})).toEqual({ items: [], next: null })
  })

  it('gives 25 tasks in the order of their ids unless told otherwise', async () => {
    await createTasks(30)
    const first = await page({})
    expect(first.items.map(({ id }) => id)).toEqual(oneTo(25))
    expect(first.items[0]).toEqual({ id: 1, title: 'task 1', done: false, createdAt: expect.any(String) })
    const second = await page({ after: first.next ?? '' })
    expect(second.items.map(({ id }) => id)).toEqual([26, 27, 28, 29, 30])
    expect(second.next).toBeNull()
  })

  it.each([1, 2, 7, 99, 100])('visits every task once in pages of %i', async limit => {
    const count = Math.min(205, limit * 20)
    await createTasks(count)
    const sizes: number[] = []
    for await (const { items } of pages(limit)) sizes.push(items.length)
    expect(sizes.slice(0, -1).every(size => size === limit)).toBe(true)
    expect(await allIds(limit)).toEqual(oneTo(count))
  })

  it('has no next page where the last one is full', async () => {
    await createTasks(10)
    expect((await page({ limit: 10 })).next).toBeNull()
    expect((await page({ limit: 9 })).next).not.toBeNull()
  })

  it('neither loses nor repeats a task while others come and go between the pages', async () => {
    await createTasks(200)
    const seen: number[] = []
    const removed = new Set<number>()
    for await (const { items } of pages(10)) {
      seen.push(...items.map(({ id }) => id))
      const last = seen.at(-1) ?? 0
      // One that was seen, the last one seen (the cursor itself), one that is yet to come; and a new one.
      for (const id of [last - 5, last, last + 7]) {
        if ((await fetch(`${app.url}/tasks/${id}`, { method: 'DELETE' })).status === 204 && id > last) {
          removed.add(id)
        }
      }
      if (seen.length < 200) await expectJson(await post(`${app.url}/tasks/`, { title: 'new' }), 201)
    }
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
    const lost = oneTo(200).filter(id => !seen.includes(id))
    expect(lost).toEqual([...removed].filter(id => id <= 200))
    expect(removed.size).toBeGreaterThan(10)
  })

  it('visits everything that stands still while writers are at it', async () => {
    await createTasks(300)
    await app.sql('UPDATE tasks SET done = true')
    let isWriting = true
    const writing = (async () => {
      while (isWriting) {
        const created = await Promise.all(oneTo(5).map(() => post(`${app.url}/tasks/`, { title: 'passing' })))
        for (const answer of created) {
          const { id } = await expectJson(answer, 201)
          await fetch(`${app.url}/tasks/${id}`, { method: 'DELETE' })
        }
        await sleep(1)
      }
    })()
    for (let round = 0; round < 3; round++) {
      const standing: number[] = []
      // New tasks keep coming at the end, so that a walk to the end might never end.
      for await (const { items } of pages(20)) {
        standing.push(...items.filter(({ done }) => done).map(({ id }) => id))
        if (items.some(({ done }) => !done)) break
      }
      expect(standing).toEqual(oneTo(300))
    }
    isWriting = false
    await writing
  })

  it.each(['0', '-1', '101', '1.5', 'ten', '', 'NaN', '1e9', '99999999999999999999'])(
    'refuses ?limit=%s',
    async limit => {
      await expectProblem(await fetch(`${app.url}/tasks/?limit=${limit}`), 400, 'validation_failed')
    },
  )

  it('refuses two limits or two cursors', async () => {
    await expectProblem(await fetch(`${app.url}/tasks/?limit=1&limit=2`), 400, 'validation_failed')
    await expectProblem(await fetch(`${app.url}/tasks/?after=a&after=b`), 400, 'validation_failed')
  })

  it('takes a cursor whose task is gone', async () => {
    await createTasks(3)
    const { next } = await page({ limit: 1 })
    await app.sql('DELETE FROM tasks WHERE id < 3')
    expect((await page({ after: next ?? '', limit: 5 })).items.map(({ id }) => id)).toEqual([3])
  })

  const encode = (text: string) => Buffer.from(text).toString('base64url')
  it.each([
    '',
    '1',
    'nonsense',
    '%00',
    '🙂',
    encode(''),
    encode('task:'),
    encode('task:0'),
    encode('task:-1'),
    encode('task:1.5'),
    encode('task:01'),
    encode('task:1 OR 1=1'),
    encode('task:1\n'),
    encode('user:1'),
    encode('task:9999999999999999999999'),
    encode('task:9007199254740993'),
    'A'.repeat(5000),
  ])('refuses the cursor %j', async after => {
    await createTasks(1)
    await expectProblem(
      await fetch(`${app.url}/tasks/?after=${encodeURIComponent(after)}`),
      400,
      'cursor_invalid',
    )
  })

  it('refuses every cursor with a character changed, or takes it for another position', async () => {
    await createTasks(30)
    const { next } = await page({ limit: 10 })
    const cursor = next ?? ''
    for (let i = 0; i < cursor.length; i++) {
      const tampered = `${cursor.slice(0, i)}!${cursor.slice(i + 1)}`
      const answer = await fetch(`${app.url}/tasks/?after=${tampered}`)
      if (answer.status === 200) await expectJson(answer, 200)
      else await expectProblem(answer, 400, 'cursor_invalid')
    }
  })
})

describe('the page’s statement', () => {
  it('reads only the page, by the index, wherever it is', async () => {
    await app.sql(`INSERT INTO tasks (title) SELECT 'task ' || i FROM generate_series(1, 200000) AS i`)
    await app.sql('ANALYZE tasks')
    // The service's own text, from the statistics of the server.
    await page({ limit: 10 })
    const [statement] = await app.sql(`
      SELECT query FROM pg_stat_statements JOIN pg_database ON dbid = pg_database.oid
      WHERE datname = current_database() AND query LIKE 'SELECT id, title, done, to_json%FROM tasks WHERE id >%'`)
    // The statistics replace constants by parameters.
    const text = String(statement?.['query']).replace('ZONE $3', "ZONE 'UTC'")
    const client = new pg.Client({ connectionString: app.databaseUrl })
    await client.connect()
    await client.query(`SET plan_cache_mode = force_generic_plan; PREPARE page AS ${text}`)
    const buffers: number[] = []
    for (const after of [0, 100_000, 199_000]) {
      const { rows } = await client.query(
        `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE page(${after}, 26)`,
      )
      const [{ Plan: limit }] = rows[0]['QUERY PLAN']
      const [scan] = limit.Plans
      expect(scan['Node Type']).toBe('Index Scan')
      expect(scan['Actual Rows']).toBe(26)
      buffers.push(limit['Shared Hit Blocks'] + limit['Shared Read Blocks'])
    }
    await client.end()
    expect(Math.max(...buffers)).toBeLessThan(10)
  })
})
