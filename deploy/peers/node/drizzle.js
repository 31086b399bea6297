/** Drizzle on pg: https://orm.drizzle.team/docs/insert and https://orm.drizzle.team/docs/transactions */
import { drizzle } from 'drizzle-orm/node-postgres'
import { bigint, pgTable, text } from 'drizzle-orm/pg-core'
import pg from 'pg'
import { poolSize, serve } from './serve.js'

const simpleText = pgTable('simple_text', {
  id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  text: text().notNull(),
})
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: poolSize })
const db = drizzle({ client: pool })

async function one(value, connection = db) {
  const [row] = await connection.insert(simpleText).values({ text: value }).returning({ id: simpleText.id })
  return row.id
}

function each(texts) {
  return db.transaction(async transaction => {
    const ids = []
    for (const value of texts) ids.push(await one(value, transaction))
    return ids[0]
  })
}

async function bulk(texts) {
  const rows = texts.map(value => ({ text: value }))
  const [first] = await db.insert(simpleText).values(rows).returning({ id: simpleText.id })
  return first.id
}

await serve({ one, each, bulk, close: () => pool.end() })
