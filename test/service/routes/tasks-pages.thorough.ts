import { expect, it } from 'vitest'
import { startApp } from '../../helpers/app.ts'
import { expectJson } from '../../helpers/http.ts'

const tasks = 1_000_000
const pageSize = 100
const requestsPerPage = 200

/**
 * What a page costs is asked of PostgreSQL itself: the blocks that the service's own statement touches. An
 * OFFSET would touch all rows before the page.
 */
it('a page costs the same at the start, in the middle and at the end of a million tasks', async () => {
  const app = await startApp()
  const get = async (query: string) => expectJson(await fetch(`${app.url}/tasks/?${query}`), 200)
  const cursorAfter = async (id: number) => {
    await app.sql(`INSERT INTO tasks (id, title) VALUES ($1, 'last of a page'), ($1 + 1, 'next')`, [id])
    const { next } = await get('limit=1')
    await app.sql('TRUNCATE tasks')
    return next
  }
  const starts = [0, tasks / 2, tasks - pageSize]
  const cursors: unknown[] = []
  for (const id of starts) cursors.push(id === 0 ? null : await cursorAfter(id))
  await app.sql(`INSERT INTO tasks (id, title) SELECT i, 'task ' || i FROM generate_series(1, $1) AS i`, [
    tasks,
  ])
  await app.sql('VACUUM ANALYZE tasks')

  const blocks: number[] = []
  for (const [i, cursor] of cursors.entries()) {
    await app.sql('SELECT pg_stat_statements_reset()')
    const startMs = performance.now()
    for (let request = 0; request < requestsPerPage; request++) {
      const { items } = await get(`limit=${pageSize}${cursor === null ? '' : `&after=${cursor}`}`)
      expect((items as { id: number }[]).map(({ id }) => id)).toEqual(
        Array.from({ length: pageSize }, (_, j) => (starts[i] ?? 0) + j + 1),
      )
    }
    const meanMs = (performance.now() - startMs) / requestsPerPage
    const [used] = await app.sql(
      `SELECT calls::int, (shared_blks_hit + shared_blks_read)::int AS blocks, mean_exec_time FROM pg_stat_statements
       WHERE query LIKE 'SELECT id, title%FROM tasks WHERE id >%'`,
    )
    console.log({ after: starts[i], meanMs, ...used })
    expect(used?.['calls']).toBe(requestsPerPage)
    blocks.push((used?.['blocks'] as number) / requestsPerPage)
  }
  // A page lies in a few blocks of the table, and the index is three or four deep.
  for (const each of blocks) expect(each).toBeLessThanOrEqual(3 * (blocks[0] ?? 0))
})
