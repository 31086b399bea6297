import { readFile } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import { createConnectedDatabase } from '../helpers/database.ts'

const script = new URL('../../deploy/docker/postgres-init.sql', import.meta.url)

/** The script as psql would send it, with planted passwords, and names that no other test uses. */
async function initialStatements(database: string): Promise<string> {
  return (await readFile(script, 'utf8'))
    .replace(/^\\getenv .*$/gm, '')
    .replace(/\bDATABASE insertlab\b/g, `DATABASE ${database}`)
    .replace(/\b(insertlab_owner|insertlab|monitor)\b/g, `${database}_$1`)
    .replace(/:'(\w+)_password'/g, "'planted-$1-password'")
}

test('no password of a role is left in pg_stat_statements, which dashboards show', async () => {
  const database = await createConnectedDatabase()
  const { rows } = await database.sql.query<{ name: string }>('SELECT current_database() AS name')
  const name = rows[0]?.name ?? ''
  onTestFinished(async () => {
    await database.sql.query(`ALTER DATABASE ${name} OWNER TO CURRENT_USER`)
    for (const role of ['insertlab_owner', 'insertlab', 'monitor']) {
      await database.sql.query(`DROP ROLE IF EXISTS ${name}_${role}`)
    }
    await database.drop()
  })
  const statements = await initialStatements(name)
  expect(statements.match(/planted-\w+-password/g)).toHaveLength(3)

  await database.sql.query('SET pg_stat_statements.track = top')
  for (const statement of statements.split(/;$/m)) await database.sql.query(statement)
  await database.sql.query('SET pg_stat_statements.track = top')
  await database.sql.query('SELECT 1 AS counted_again')
  const known = await database.sql.query<{ query: string }>('SELECT query FROM pg_stat_statements')
  const queries = known.rows.map(({ query }) => query)
  expect(queries.some(query => query.includes('counted_again'))).toBe(true)
  expect(queries.filter(query => query.includes('planted'))).toEqual([])
})
