/**
 * pg, the driver: https://node-postgres.com/features/queries and https://node-postgres.com/features/transactions
 * It has no bulk statement of its own: PostgreSQL's unnest takes the rows as one array.
 */
import pg from 'pg'
import { poolSize, serve } from './serve.js'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: poolSize })
const statement = 'INSERT INTO simple_text (text) VALUES ($1) RETURNING id'

async function one(text, client = pool) {
  const { rows } = await client.query(statement, [text])
  return rows[0].id
}

async function each(texts) {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    const ids = []
    for (const text of texts) ids.push(await one(text, client))
    await client.query('COMMIT')
    return ids[0]
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  } finally {
    client.release()
  }
}

async function bulk(texts) {
  const many = 'INSERT INTO simple_text (text) SELECT unnest($1::text[]) RETURNING id'
  const { rows } = await pool.query(many, [texts])
  return rows[0].id
}

await serve({ one, each, bulk, close: () => pool.end() })
