import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isComplete } from '../../../src/lab/analysis/row-audit.ts'
import { auditRows } from '../../../src/lab/run/row-audit.ts'
import { createDatabase } from '../../helpers/database.ts'

let database: Awaited<ReturnType<typeof createDatabase>>
let pool: pg.Pool
beforeAll(async () => {
  database = await createDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 8 })
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

async function insert(): Promise<number> {
  const { rows } = await pool.query("INSERT INTO simple_text (text) VALUES ('a text') RETURNING id")
  return Number(rows[0].id)
}

function answer(response: ServerResponse, id: number | null): void {
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ id }))
}

/** Services that insert a row for each request, or pretend to. */
const services = {
  honest: async (response: ServerResponse) => answer(response, await insert()),
  'without ids': async (response: ServerResponse) => {
    await insert()
    answer(response, null)
  },
  'loses every eighth': async (response: ServerResponse, request: number) =>
    answer(response, request % 8 === 0 ? request : await insert()),
  'inserts some twice': async (response: ServerResponse, request: number) => {
    if (request % 8 === 0) await insert()
    answer(response, await insert())
  },
  'answers ids that are none': async (response: ServerResponse) => answer(response, (await insert()) + 1e6),
}

async function audit(name: keyof typeof services, answered = 0) {
  let requests = 0
  const server = createServer((_, response) => void services[name](response, requests++))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  try {
    return await auditRows(database.url, `http://127.0.0.1:${port}/`, { rowsPerRequest: 1, answered })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

test.each(['honest', 'without ids'] as const)('a service that is %s passes', async name => {
  const seen = await audit(name)
  expect(seen).toMatchObject({ exactRows: 64, exactFound: 64, idsFound: name === 'honest' ? 64 : 0 })
  expect(isComplete(seen)).toBe(true)
})

test.each(['loses every eighth', 'inserts some twice', 'answers ids that are none'] as const)(
  'a service that %s does not pass',
  async name => {
    expect(isComplete(await audit(name))).toBe(false)
  },
)

test('rows that were answered for before it began must be there', async () => {
  const { rows } = await pool.query('SELECT count(*) FROM simple_text')
  const there = Number(rows[0].count)
  expect(isComplete(await audit('honest', there))).toBe(true)
  expect(isComplete(await audit('honest', there + 1000))).toBe(false)
})
