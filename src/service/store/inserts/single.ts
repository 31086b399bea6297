import type { Database } from '../database.ts'
import type { InsertStrategy } from './insert-strategy.ts'
import { sequentialInserts } from './sequential.ts'

const insert = 'INSERT INTO simple_text (text) VALUES ($1) RETURNING id'

/**
 * `single`: an unnamed statement, as most code sends it. PostgreSQL parses and plans it again each time. The only
 * advantage is that it works behind every proxy.
 */
export function createSingle(database: Database): InsertStrategy {
  return sequentialInserts(database, text => ({ text: insert, values: [text] }))
}
