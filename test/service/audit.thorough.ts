import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { expect, it, onTestFinished } from 'vitest'
import { Clients, postJson } from '../helpers/clients.ts'
import { createDatabase } from '../helpers/database.ts'
import { start } from '../helpers/service.ts'
import { refusingTrigger } from './store/refusing-trigger.ts'

const clients = 32
const killEveryMs = 1_500
/** Codes that promise that nothing was stored. */
const nothingStored = ['text_not_storable', 'database_unavailable', 'overloaded', 'deadline_exceeded']

interface Sent {
  readonly text: string
  /** 201, a problem's code, or why there was no answer. */
  outcome: string
  id?: number
}

/**
 * The promise to clients, checked row by row: what was acknowledged is stored, once, under the id that was
 * given; what was refused is not. One text in a hundred is bad, one client in fifty leaves, and the
 * connections to the database are killed again and again.
 */
it.each([
  ['batched', 20],
  ['prepared', 8],
  ['single', 8],
  ['copy', 8],
] as const)('%s keeps its word for %i s under faults', async (INSERT_STRATEGY, durationS) => {
  const database = await createDatabase()
  onTestFinished(() => database.drop())
  const sql = new pg.Client({ connectionString: database.url })
  await sql.connect()
  await sql.query(refusingTrigger())
  const { url } = await start(database.url, { INSERT_STRATEGY })

  const sent: Sent[] = []
  const load = new Clients(clients, async (agent, request) => {
    const each: Sent = { text: `${request % 100 === 7 ? 'bad' : 'good'} ${request}`, outcome: '' }
    sent.push(each)
    const leaving = new AbortController()
    if (request % 50 === 11) setTimeout(() => leaving.abort(), request % 10)
    const answer = await postJson(agent, `${url}/texts`, { text: each.text }, leaving.signal)
    if (answer.status === 201) {
      each.outcome = '201'
      each.id = JSON.parse(answer.body).id
    } else {
      each.outcome = typeof answer.status === 'string' ? answer.status : JSON.parse(answer.body).code
    }
    return answer
  })
  const endMs = performance.now() + durationS * 1000
  let killed = 0
  while (performance.now() < endMs) {
    await sleep(killEveryMs)
    const { rowCount } = await sql.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'insertlab'`,
    )
    killed += rowCount ?? 0
    const sentBefore = sent.length
    const goesOn = () => sent.slice(sentBefore).some(({ outcome }) => outcome === '201')
    await expect.poll(goesOn, { message: 'after a kill' }).toBe(true)
  }
  await load.stop()

  const { rows } = await sql.query<{ id: string; text: string }>('SELECT id, text FROM simple_text')
  await sql.end()
  const textById = new Map(rows.map(({ id, text }) => [Number(id), text]))
  const stored = new Set(rows.map(({ text }) => text))
  const outcomes = Object.groupBy(sent, ({ outcome }) => outcome)
  console.log(
    INSERT_STRATEGY,
    { killed, stored: rows.length },
    Object.fromEntries(Object.entries(outcomes).map(([outcome, all]) => [outcome, all?.length])),
  )

  const acknowledged = outcomes['201'] ?? []
  const wrong = acknowledged.filter(({ id, text }) => id === undefined || textById.get(id) !== text)
  expect(wrong).toEqual([])
  expect(new Set(acknowledged.map(({ id }) => id)).size).toBe(acknowledged.length)
  expect(stored.size).toBe(rows.length)
  const refused = sent.filter(({ outcome }) => nothingStored.includes(outcome))
  expect(refused.filter(({ text }) => stored.has(text))).toEqual([])
  expect([...stored].filter(text => text.startsWith('bad'))).toEqual([])
  const known = ['201', ...nothingStored, 'outcome_unknown', 'ABORT_ERR']
  expect(Object.keys(outcomes).filter(outcome => !known.includes(outcome))).toEqual([])

  // The faults have happened.
  expect(killed).toBeGreaterThan(3)
  expect(outcomes['text_not_storable']?.length).toBeGreaterThan(5)
  expect(outcomes['ABORT_ERR']?.length).toBeGreaterThan(5)
  expect(outcomes['outcome_unknown']?.length).toBeGreaterThan(0)
  expect(acknowledged.length).toBeGreaterThan(1000)
})
