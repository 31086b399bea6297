import { drizzle } from 'drizzle-orm/node-postgres'
import { bigint, pgTable, text } from 'drizzle-orm/pg-core'
import pg from 'pg'

const simpleText = pgTable('simple_text', {
  id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  text: text().notNull(),
})
const db = drizzle(new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 }))

export async function wait() {
  const [row] = await db.insert(simpleText).values({ text: 'a text' }).returning({ id: simpleText.id })
  return row.id
}
