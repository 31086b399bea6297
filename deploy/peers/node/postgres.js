/** postgres.js: https://github.com/porsager/postgres#queries (inserts, multiple inserts, transactions) */
import postgres from 'postgres'
import { poolSize, serve } from './serve.js'

const sql = postgres(process.env.DATABASE_URL, { max: poolSize })

async function one(text, connection = sql) {
  const [row] = await connection`INSERT INTO simple_text (text) VALUES (${text}) RETURNING id`
  return row.id
}

function each(texts) {
  return sql.begin(async transaction => {
    const ids = []
    for (const text of texts) ids.push(await one(text, transaction))
    return ids[0]
  })
}

async function bulk(texts) {
  const rows = texts.map(text => ({ text }))
  const [first] = await sql`INSERT INTO simple_text ${sql(rows, 'text')} RETURNING id`
  return first.id
}

await serve({ one, each, bulk, close: () => sql.end() })
