import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 })

export async function wait() {
  const { rows } = await pool.query('INSERT INTO simple_text (text) VALUES ($1) RETURNING id', ['a text'])
  return rows[0].id
}
