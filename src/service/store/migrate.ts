import { fileURLToPath } from 'node:url'
import pg from 'pg'
import Postgrator from 'postgrator'

/** Any number will do, as long as every instance of the service asks for the same one. */
const migrationLock = 6_418_230
const migrationPattern = fileURLToPath(new URL('../migrations/*', import.meta.url))

/**
 * Brings the database to the newest schema. Instances that start together wait for each other on an
 * advisory lock of the session, so that one migrates and the rest find it done.
 * @throws the database's error, unchanged.
 */
export async function migrate(connection: string | pg.ClientConfig): Promise<void> {
  const client = new pg.Client(connection)
  await client.connect()
  try {
    await client.query('SELECT pg_advisory_lock($1)', [migrationLock])
    const postgrator = new Postgrator({
      migrationPattern,
      driver: 'pg',
      schemaTable: 'schema_version',
      execQuery: query => client.query(query),
    })
    await postgrator.migrate()
  } finally {
    await client.end()
  }
}
