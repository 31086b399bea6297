import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import Postgrator from 'postgrator'
import { StartError } from '../errors.ts'
import { grantTables, requireTables, versionTable } from './tables.ts'

/** Any number works if all instances of the service use the same one. */
const migrationLock = 6_418_230
const migrationPattern = fileURLToPath(new URL('../migrations/*', import.meta.url))

/**
 * Brings the database to the newest schema. Instances that start together wait for each other on an advisory
 * lock: one migrates and the others find it done. Lock and migrations are one transaction, so a migration that
 * fails leaves nothing behind, and the lock cannot outlive it (a session's lock would, behind a pooler in
 * transaction mode). The price: a migration cannot hold what PostgreSQL refuses in a transaction, for example
 * `CREATE INDEX CONCURRENTLY`.
 * @param options.grantTo the role of the service, if another role migrates.
 * @throws {StartError} or the database's error, unchanged.
 */
export async function migrate(
  client: pg.Client,
  { grantTo }: { grantTo?: string | undefined } = {},
): Promise<void> {
  await client.query('BEGIN')
  try {
    await client.query('SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0')
    await client.query('SELECT pg_advisory_xact_lock($1)', [migrationLock])
    await runMigrations(client)
    await requireTables(client)
    if (grantTo !== undefined) await grantTables(client, grantTo)
    await client.query('COMMIT')
  } catch (error) {
    // This fails if the connection was lost. The transaction has ended with it.
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

async function runMigrations(client: pg.Client): Promise<void> {
  const postgrator = new Postgrator({
    migrationPattern,
    driver: 'pg',
    schemaTable: await ensureVersionTable(client),
    // Checksums do not depend on CRLF line ends of a checkout.
    newline: 'LF',
    execQuery: query => client.query(query),
  })
  try {
    await postgrator.migrate()
  } catch (error) {
    const [, version] = /^MD5 checksum failed for migration \[(\d+)\]/.exec((error as Error).message) ?? []
    if (version === undefined) throw error
    throw new StartError(
      `migration ${version} is not the one that was applied to this database. Restore its file in src/service/migrations, and put the change into a new one.`,
    )
  }
}

/**
 * Postgrator would look for its table in every schema of the database, and would create a missing schema, which
 * needs a right that a role seldom has. So the table is made here, in the schema where the service's tables are.
 * @returns its name, with its schema.
 */
async function ensureVersionTable(client: pg.Client): Promise<string> {
  const { rows } = await client.query(
    `SELECT current_schema() AS schema, to_regclass(quote_ident(current_schema()) || '.${versionTable}') AS found`,
  )
  const { schema, found } = rows[0] as { schema: string | null; found: string | null }
  if (schema === null) {
    throw new StartError(
      'no schema of the search_path exists. Create one, or set search_path to one that does.',
    )
  }
  if (/["'.]/.test(schema)) {
    throw new StartError(`the schema ${schema} has a quote or a dot in its name. Set search_path to another.`)
  }
  if (found === null) {
    await client.query(
      `CREATE TABLE ${versionTable} (version bigint PRIMARY KEY, name text, md5 text, run_at timestamptz)`,
    )
  }
  return `${schema}.${versionTable}`
}
