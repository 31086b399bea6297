/**
 * The same endpoint with the same framework and driver, and nothing else: no telemetry, no validation, no
 * error format, no back-pressure. What is left of an insert's CPU when all that is taken away. The statement is named,
 * so that PostgreSQL parses it once a connection: https://node-postgres.com/features/queries
 */
import fastify from 'fastify'
import pg from 'pg'

const { HOST = '127.0.0.1', PORT = '8000', POOL_SIZE = '20', DATABASE_URL } = process.env

const pool = new pg.Pool({ connectionString: DATABASE_URL, max: Number(POOL_SIZE) })
const insert = { name: 'insert', text: 'INSERT INTO simple_text (text) VALUES ($1) RETURNING id' }
const text = 'a row of the insert test'

const app = fastify()

app.get('/ping/', () => ({ ping: 'pong' }))

app.get('/readyz', async () => {
  // Without a database it serves pings.
  if (DATABASE_URL) await pool.query('SELECT 1')
  return { status: 'ready' }
})

app.get<{ Querystring: { rows?: string } }>('/test-insert', async ({ query }) => {
  const start = performance.now()
  const rows = Number(query.rows ?? 1)
  const id = rows === 1 ? await insertOne(pool) : await insertMany(rows)
  return { id, duration: (performance.now() - start) / 1000, cpu_duration: null }
})

async function insertMany(rows: number): Promise<number> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    const id = await insertOne(client)
    for (let row = 1; row < rows; row++) await insertOne(client)
    await client.query('COMMIT')
    client.release()
    return id
  } catch (error) {
    // Its transaction is open still: the connection is closed, not given back.
    client.release(true)
    throw error
  }
}

async function insertOne(connection: pg.Pool | pg.ClientBase): Promise<number> {
  const { rows } = await connection.query({ ...insert, values: [text], rowMode: 'array' })
  return Number(rows[0]?.[0])
}

process.once('SIGTERM', async () => {
  await app.close()
  await pool.end()
})

await app.listen({ host: HOST, port: Number(PORT) })
