/** Knex: https://knexjs.org/guide/query-builder.html#insert and https://knexjs.org/guide/transactions.html */
import knex from 'knex'
import { poolSize, serve } from './serve.js'

const db = knex({ client: 'pg', connection: process.env.DATABASE_URL, pool: { min: 0, max: poolSize } })

async function one(text, connection = db) {
  const [row] = await connection('simple_text').insert({ text }).returning('id')
  return row.id
}

function each(texts) {
  return db.transaction(async transaction => {
    const ids = []
    for (const text of texts) ids.push(await one(text, transaction))
    return ids[0]
  })
}

async function bulk(texts) {
  const rows = texts.map(text => ({ text }))
  const [first] = await db('simple_text').insert(rows).returning('id')
  return first.id
}

await serve({ one, each, bulk, close: () => db.destroy() })
