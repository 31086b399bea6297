import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 })
const db = new Kysely({ dialect: new PostgresDialect({ pool }) })

export async function wait() {
  const row = await db
    .insertInto('simple_text')
    .values({ text: 'a text' })
    .returning('id')
    .executeTakeFirstOrThrow()
  return row.id
}
