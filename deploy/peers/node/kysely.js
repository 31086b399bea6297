/**
 * Kysely on pg: https://kysely.dev/docs/examples/insert/returning-data, https://kysely.dev/docs/examples/insert/multiple-rows
 * and https://kysely.dev/docs/examples/transactions/simple-transaction
 */
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { poolSize, serve } from './serve.js'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: poolSize })
const db = new Kysely({ dialect: new PostgresDialect({ pool }) })

async function insert(values, connection = db) {
  const row = await connection
    .insertInto('simple_text')
    .values(values)
    .returning('id')
    .executeTakeFirstOrThrow()
  return row.id
}

const one = text => insert({ text })

function each(texts) {
  return db.transaction().execute(async transaction => {
    const ids = []
    for (const text of texts) ids.push(await insert({ text }, transaction))
    return ids[0]
  })
}

const bulk = texts => insert(texts.map(text => ({ text })))

await serve({ one, each, bulk, close: () => db.destroy() })
