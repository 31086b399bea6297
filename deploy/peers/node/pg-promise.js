/**
 * pg-promise: https://vitaly-t.github.io/pg-promise/Database.html (one, tx) and
 * https://vitaly-t.github.io/pg-promise/helpers.html (insert of many rows)
 */
import pgPromise from 'pg-promise'
import { poolSize, serve } from './serve.js'

const pgp = pgPromise()
const db = pgp({ connectionString: process.env.DATABASE_URL, max: poolSize })
const columns = new pgp.helpers.ColumnSet(['text'], { table: 'simple_text' })

async function one(text, connection = db) {
  const { id } = await connection.one('INSERT INTO simple_text (text) VALUES ($1) RETURNING id', text)
  return id
}

function each(texts) {
  return db.tx(async transaction => {
    const ids = []
    for (const text of texts) ids.push(await one(text, transaction))
    return ids[0]
  })
}

async function bulk(texts) {
  const rows = texts.map(text => ({ text }))
  const [first] = await db.many(`${pgp.helpers.insert(rows, columns)} RETURNING id`)
  return first.id
}

await serve({ one, each, bulk, close: () => db.$pool.end() })
