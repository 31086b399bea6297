/**
 * Fastify and pg as their documentation shows them, with routes that know the truth: they read the CPU clock of the thread
 * themselves, without the ledger.
 *
 * `/plain` and `/injected` are one handler under two names: it inserts a row, answers, and burns `us` of CPU. With the
 * same `us` they cost the same. It burns after the answer, which is still within the request: before it, the answer itself
 * would cost more, because by then the client sleeps and has to be woken (25 us became 41 after 200 us burned). The clock
 * is read from the result's arrival to the request's end: the burned CPU and what comes after it, which is dearer with
 * cold caches.
 *
 * `/clocked` is a ping. The clock is read just outside and just inside both ends of its account, which lies between
 * the two: their mean is what the ledger should say. `/clock` gives the sums by route since it was last asked.
 *
 * `/ping` and `/insert?rows=` are for conservation. `BUSY_HELPER=1` keeps a thread of libuv's pool busy.
 */
import { pbkdf2 } from 'node:crypto'
import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import Fastify from 'fastify'
import { Pool } from 'pg'
import { burnCpuUs, threadCpuUs } from '../fixtures/burn.ts'

let clock: Record<string, { count: number; us: number }> = {}

function addToClock(route: string, us: number): void {
  clock[route] ??= { count: 0, us: 0 }
  clock[route].count += 1
  clock[route].us += us
}

interface RequestStart {
  request: IncomingMessage
  response: ServerResponse
}
let outerStartUs = 0
let innerEndUs = 0

// Before the ledger's own listener at the start, and before it at the end.
subscribe('http.server.request.start', message => {
  const { request, response } = message as RequestStart
  if (request.url !== '/clocked') return
  outerStartUs = threadCpuUs()
  response.once('close', () => {
    innerEndUs = threadCpuUs()
  })
})
await import('../../src/ledger/auto.ts')
// After it at both.
subscribe('http.server.request.start', message => {
  const { request, response } = message as RequestStart
  if (request.url !== '/clocked') return
  const outerUs = outerStartUs
  const innerUs = threadCpuUs()
  response.once('close', () => addToClock('/clocked', (innerEndUs - innerUs + threadCpuUs() - outerUs) / 2))
})

const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 20 })
const insert = {
  name: 'insert',
  text: 'INSERT INTO simple_text (text) VALUES ($1) RETURNING id',
  values: ['a row'],
}
const app = Fastify()

for (const path of ['/plain', '/injected']) {
  app.get<{ Querystring: { us: string } }>(path, async (request, reply) => {
    const { rows } = await pool.query<{ id: string }>(insert)
    const startUs = threadCpuUs()
    reply.raw.once('close', () => addToClock(path, threadCpuUs() - startUs))
    reply.send({ id: rows[0]?.id })
    burnCpuUs(Number(request.query.us))
    return reply
  })
}

app.get<{ Querystring: { rows: string } }>('/insert', async request => {
  const ids: (string | undefined)[] = []
  for (let row = 0; row < Number(request.query.rows); row++) {
    const { rows } = await pool.query<{ id: string }>(insert)
    ids.push(rows[0]?.id)
  }
  return { ids }
})

app.get('/ping', async () => ({ ping: 'pong' }))
app.get('/clocked', async () => ({ ping: 'pong' }))
app.get('/clock', async () => {
  const answer = clock
  clock = {}
  return answer
})

await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']), backlog: 4096 })

if (process.env['BUSY_HELPER'] === '1') keepHelperBusy()

/** About 50 ms a round, one after the other: one thread of the pool always runs. */
function keepHelperBusy(): void {
  pbkdf2('password', 'salt', 50_000, 64, 'sha512', keepHelperBusy)
}
