/**
 * 1. Smoke: every route once, with its content. Run it before any load: a figure from a broken service means nothing.
 *
 *   k6 run loadtests/smoke.ts
 *   docker compose run --rm k6 run /loadtests/smoke.ts
 *
 * BASE_URL      the service (http://127.0.0.1:8000)
 * TESTID        names the run in Grafana (smoke-<time>)
 * SUMMARY_JSON  also write k6's figures to this file
 */
import { check } from 'k6'
import { text } from './lib/env.ts'
import { testOptions } from './lib/options.ts'
import {
  createTask,
  deleteTask,
  getText,
  listTasks,
  ping,
  postText,
  readTask,
  testInsert,
  updateTask,
} from './lib/service.ts'
import { describe, outputs, type SummaryData } from './lib/summary.ts'

export const options = testOptions('smoke', {
  scenarios: { smoke: { executor: 'shared-iterations', vus: 1, iterations: 1, maxDuration: '30s' } },
  thresholds: { checks: ['rate==1'], http_req_failed: ['rate==0'] },
})

export default function smoke(): void {
  getText('/livez', 'GET /livez')
  getText('/readyz', 'GET /readyz')
  getText('/openapi.json', 'GET /openapi.json')
  ping()

  const inserted = JSON.parse(getText('/test-insert?rows=3', 'GET /test-insert'))
  check(inserted, {
    'three rows have three ids': ({ ids }) => new Set(ids).size === 3,
    'the duration is in seconds': ({ duration }) => duration > 0 && duration < 10,
  })
  testInsert()
  postText('smoke')

  const created = createTask('smoke')
  if (check(created, { 'a task was created': task => task !== null && task.title === 'smoke' }) && created) {
    readTask(created.id)
    updateTask(created.id, { title: 'smoked', done: true })
    check(JSON.parse(getText(`/tasks/${created.id}`, 'GET /tasks/:id')), {
      'the change is there': task => task.title === 'smoked' && task.done === true,
    })
    deleteTask(created.id)
    getText(`/tasks/${created.id}`, 'GET /tasks/:id gone', 404)
  }
  for (let n = 0; n < 2; n++) createTask(`page ${n}`)
  const first = listTasks(1)
  check(first, { 'a page has as many tasks as asked': ({ items }) => items.length === 1 })
  check(listTasks(1, first.next ?? ''), {
    'the next page is another': ({ items }) => items.length === 1 && items[0]?.id !== first.items[0]?.id,
  })
}

export function handleSummary(data: SummaryData): Record<string, string> {
  return outputs(describe('Every route once', data), data, text('SUMMARY_JSON', ''))
}
