import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 })

/** A transaction of three statements on a client that the request takes. */
export async function wait() {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    const { rows } = await client.query('INSERT INTO simple_text (text) VALUES ($1) RETURNING id', ['a text'])
    await client.query('COMMIT')
    return rows[0].id
  } finally {
    client.release()
  }
}
