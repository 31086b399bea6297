import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { json } from 'node:stream/consumers'
import pg from 'pg'
import { expect, it, onTestFinished } from 'vitest'
import { createDatabase } from '../helpers/database.ts'
import { residentMb } from '../helpers/memory.ts'
import { start } from '../helpers/service.ts'

const rows = 1_000_000
const rowsPerWrite = 1_000
const sampleEveryRows = 20_000

it('a million rows stream through a service that hardly grows', async () => {
  const database = await createDatabase()
  onTestFinished(() => database.drop())
  const { url, service } = await start(database.url)
  const idleMb = residentMb(service.pid)

  const request = httpRequest(`${url}/texts/bulk`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
  })
  const answered = once(request, 'response')
  const startMs = performance.now()
  let peakMb = idleMb
  for (let i = 0; i < rows; i += rowsPerWrite) {
    const lines = Array.from({ length: rowsPerWrite }, (_, j) => `{"text":"row ${i + j} of a million, 🙂"}\n`)
    if (!request.write(lines.join(''))) await once(request, 'drain')
    if (i % sampleEveryRows === 0) peakMb = Math.max(peakMb, residentMb(service.pid))
  }
  request.end()
  const [response] = await answered
  expect([response.statusCode, await json(response)]).toEqual([201, { count: rows }])
  const tookS = (performance.now() - startMs) / 1000
  console.log({ rowsPerS: Math.round(rows / tookS), idleMb: Math.round(idleMb), peakMb: Math.round(peakMb) })
  // The stream is 41 MB. What is in hand of it at any time is a few buffers, and what the young generation leaves.
  expect(peakMb - idleMb).toBeLessThan(35)

  const sql = new pg.Client({ connectionString: database.url })
  await sql.connect()
  const stored = await sql.query(
    `SELECT count(*)::int AS count, count(DISTINCT text)::int AS texts,
            count(*) FILTER (WHERE text ~ '^row [0-9]+ of a million, 🙂$')::int AS whole FROM simple_text`,
  )
  await sql.end()
  expect(stored.rows).toEqual([{ count: rows, texts: rows, whole: rows }])
})
