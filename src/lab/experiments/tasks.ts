import type { RequestTemplate } from '../load/templates.ts'

/** Tasks with these ids are read and changed, those above them deleted: so neither meets a task that is gone. */
const keptTasks = 20_000
const deletableTasks = 100_000
const allTasks = keptTasks + deletableTasks

/** Rows for a load on tasks, with statistics, so that no step pays for the first look at them. */
export const seedTasks: readonly string[] = [
  `INSERT INTO tasks (title) SELECT 'task ' || n FROM generate_series(1, ${allTasks}) AS n`,
  'VACUUM ANALYZE tasks',
]

const json = { 'content-type': 'application/json' }
const body = '{"title":"a task of the load"}'

/**
 * The mix of the third report: 75 % reads, 20 % writes, 5 % deletes. Deletes draw their task at random, so
 * that a few meet one that is gone and are answered 404, which counts as an error: one request in 2,000 when
 * 2,000 have been deleted.
 */
export const crudMix: readonly RequestTemplate[] = [
  { path: `/tasks/{random:1-${keptTasks}}`, weight: 15 },
  { method: 'POST', path: '/tasks/', headers: json, body, weight: 2 },
  {
    method: 'PUT',
    path: `/tasks/{random:1-${keptTasks}}`,
    headers: json,
    body: '{"title":"a task of the load","done":true}',
    weight: 2,
  },
  { method: 'DELETE', path: `/tasks/{random:${keptTasks + 1}-${allTasks}}`, weight: 1 },
]

/** The page that the second report asks for. */
export const taskPage: readonly RequestTemplate[] = [{ path: '/tasks/' }]
