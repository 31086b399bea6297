import type { Database } from '../database.ts'
import type { InsertStrategy } from './insert-strategy.ts'
import { sequentialInserts } from './sequential.ts'

const insert = 'INSERT INTO simple_text (text) VALUES ($1) RETURNING id'

/**
 * `prepared`: a named statement, parsed and planned once per connection. It saves PostgreSQL about a fifth
 * of its CPU (docs/decisions.md, 1). The price is state in the connection, which a proxy in transaction mode must
 * support (PgBouncer 1.21 or newer).
 */
export function createPrepared(database: Database): InsertStrategy {
  return sequentialInserts(database, text => ({ name: 'insert_text', text: insert, values: [text] }))
}
