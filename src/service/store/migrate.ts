import { fileURLToPath } from 'node:url'
import pg from 'pg'
import Postgrator from 'postgrator'

/** Any number will do, as long as every instance of the service asks for the same one. */
const migrationLock = 6_418_230
const migrationPattern = fileURLToPath(new URL('../migrations/*', import.meta.url))

/**
 * Brings the database to the newest schema. Instances that start together wait for each other on an
 * advisory lock, so that one migrates and the rest find it done. Lock and migrations are one transaction:
 * a migration that fails leaves nothing behind, and a pooler in transaction mode, where a lock of the session
 * would stay with a server connection that nobody can find again, does no harm. The price is that a migration
 * cannot hold what PostgreSQL refuses in a transaction, `CREATE INDEX CONCURRENTLY` for one.
 * @throws the database's error, unchanged.
 */
export async function migrate(connection: string | pg.ClientConfig): Promise<void> {
  const client = new pg.Client(connection)
  await client.connect()
  try {
    await client.query('BEGIN')
    await client.query('SELECT pg_advisory_xact_lock($1)', [migrationLock])
    const postgrator = new Postgrator({
      migrationPattern,
      driver: 'pg',
      schemaTable: 'schema_version',
      execQuery: query => client.query(query),
    })
    await postgrator.migrate()
    await client.query('COMMIT')
  } finally {
    await client.end()
  }
}
