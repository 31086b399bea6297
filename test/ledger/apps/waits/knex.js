import knex from 'knex'

const db = knex({ client: 'pg', connection: process.env.DATABASE_URL, pool: { min: 0, max: 20 } })

export async function wait() {
  const [row] = await db('simple_text').insert({ text: 'a text' }).returning('id')
  return row.id
}
