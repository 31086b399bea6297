import postgres from 'postgres'

const sql = postgres(process.env.DATABASE_URL, { max: 20 })

export async function wait() {
  const [row] = await sql`INSERT INTO simple_text (text) VALUES (${'a text'}) RETURNING id`
  return row.id
}
