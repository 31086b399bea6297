/** Express and pg: https://node-postgres.com/guides/async-express */
import express from 'express'
import pg from 'pg'

const { HOST = '127.0.0.1', PORT = '8000', POOL_SIZE = '20', DATABASE_URL } = process.env
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: Number(POOL_SIZE) })
const statement = 'INSERT INTO simple_text (text) VALUES ($1) RETURNING id'
const text = 'a row of the insert test'

async function each(rows) {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    const ids = []
    for (let row = 0; row < rows; row++) ids.push((await client.query(statement, [text])).rows[0].id)
    await client.query('COMMIT')
    return ids[0]
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  } finally {
    client.release()
  }
}

async function bulk(rows) {
  const many = 'INSERT INTO simple_text (text) SELECT unnest($1::text[]) RETURNING id'
  return (await pool.query(many, [new Array(rows).fill(text)])).rows[0].id
}

const app = express()
app.get('/ping/', (_request, response) => response.json({ ping: 'pong' }))
app.get('/test-insert', async ({ query }, response) => {
  const start = performance.now()
  const rows = Number(query.rows ?? 1)
  if (!(Number.isInteger(rows) && rows >= 1 && rows <= 1000)) {
    response.status(400).json({ error: 'rows: a whole number from 1 to 1000' })
    return
  }
  const one = async () => (await pool.query(statement, [text])).rows[0].id
  const id = await (query.bulk ? bulk(rows) : rows === 1 ? one() : each(rows))
  response.json({ id: Number(id), duration: (performance.now() - start) / 1000, cpu_duration: null })
})

const server = app.listen(Number(PORT), HOST)
process.once('SIGTERM', () => server.close(() => pool.end()))
