import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { migrate } from '../../../src/service/store/migrate.ts'
import { createConnectedDatabase } from '../../helpers/database.ts'
import { repository } from '../../programs.ts'

type Database = Awaited<ReturnType<typeof createConnectedDatabase>>

/** An empty database, with no table of the service. */
async function emptyDatabase(): Promise<Database> {
  const database = await createConnectedDatabase()
  onTestFinished(() => database.drop())
  await database.sql.query('DROP TABLE simple_text, tasks, insertlab_schema_version')
  return database
}

async function versions({ sql }: Database): Promise<string[]> {
  const { rows } = await sql.query('SELECT version FROM insertlab_schema_version ORDER BY version')
  return rows.map(({ version }) => version)
}

/** The migration of a checkout whose SQL file has been changed. */
async function migrateOf(change: (sql: string) => string): Promise<typeof migrate> {
  const folder = await mkdtemp(join(tmpdir(), 'insertlab-checkout-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await cp(join(repository, 'src/service'), join(folder, 'src/service'), { recursive: true })
  await cp(join(repository, 'package.json'), join(folder, 'package.json'))
  await symlink(join(repository, 'node_modules'), join(folder, 'node_modules'))
  const file = join(folder, 'src/service/migrations/001.do.tables.sql')
  await writeFile(file, change(await readFile(file, 'utf8')))
  return (await import(join(folder, 'src/service/store/migrate.ts'))).migrate
}

const startError = (message: RegExp) =>
  expect.objectContaining({ name: 'StartError', message: expect.stringMatching(message) })

describe('migrate', () => {
  it('makes the tables once', async () => {
    const database = await emptyDatabase()
    await migrate(database.sql)
    await migrate(database.sql)
    expect(await versions(database)).toEqual(['1'])
    await database.sql.query(
      `INSERT INTO simple_text (text) VALUES ('a'); INSERT INTO tasks (title) VALUES ('a')`,
    )
  })

  it('leaves nothing behind where it fails, not even a transaction', async () => {
    const database = await emptyDatabase()
    await database.sql.query('CREATE TABLE tasks (id serial PRIMARY KEY)')
    await expect(migrate(database.sql)).rejects.toThrow(startError(/^the table tasks does not fit/))
    const { rows } = await database.sql.query(
      `SELECT to_regclass('simple_text') AS texts, now() = statement_timestamp() AS idle`,
    )
    expect(rows).toEqual([{ texts: null, idle: true }])
  })

  it('takes no notice of a table of the same name in another schema', async () => {
    const database = await emptyDatabase()
    await database.sql.query(`
      CREATE SCHEMA other;
      CREATE TABLE other.insertlab_schema_version (version bigint PRIMARY KEY, name text, md5 text, run_at timestamptz);
      INSERT INTO other.insertlab_schema_version VALUES (7)`)
    await migrate(database.sql)
    expect(await versions(database)).toEqual(['1'])
  })

  it('takes no notice of the version table of another tool', async () => {
    const database = await emptyDatabase()
    await database.sql.query(
      `CREATE TABLE schema_version (installed_rank int PRIMARY KEY, version varchar(50) NOT NULL)`,
    )
    await migrate(database.sql)
    expect(await versions(database)).toEqual(['1'])
    const { fields } = await database.sql.query('SELECT * FROM schema_version')
    expect(fields.map(({ name }) => name)).toEqual(['installed_rank', 'version'])
  })

  it('works in the schema of the search_path, as a role that may create only there', async () => {
    const database = await emptyDatabase()
    const role = `tenant_${process.pid}`
    await database.sql.query(
      `CREATE ROLE ${role} LOGIN PASSWORD 'secret'; CREATE SCHEMA "Mixed" AUTHORIZATION ${role}`,
    )
    const url = new URL(database.url)
    url.username = role
    url.password = 'secret'
    const tenant = new pg.Client({ connectionString: url.href, options: '-c search_path=\\"Mixed\\",public' })
    await tenant.connect()
    try {
      await migrate(tenant)
      await migrate(tenant)
      const { rows } = await database.sql.query(
        `SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE tableowner = '${role}' ORDER BY 1`,
      )
      expect(rows.map(({ name }) => name)).toEqual([
        'Mixed.insertlab_schema_version',
        'Mixed.simple_text',
        'Mixed.tasks',
      ])
    } finally {
      await tenant.end()
      await database.sql.query(`DROP SCHEMA "Mixed" CASCADE; DROP ROLE ${role}`)
    }
  })

  it('says that no schema of the search_path exists', async () => {
    const database = await emptyDatabase()
    await database.sql.query('SET search_path = nowhere')
    await expect(migrate(database.sql)).rejects.toThrow(
      startError(/^no schema of the search_path exists\. Create one/),
    )
  })

  it('finds its work done in a checkout with CRLF line ends', async () => {
    const database = await emptyDatabase()
    await migrate(database.sql)
    const migrateWithCrlf = await migrateOf(sql => sql.replaceAll('\n', '\r\n'))
    await migrateWithCrlf(database.sql)
    expect(await versions(database)).toEqual(['1'])
  })

  it('names a migration that was changed after it was applied', async () => {
    const database = await emptyDatabase()
    await migrate(database.sql)
    const migrateChanged = await migrateOf(sql => `${sql}\nSELECT 1;`)
    await expect(migrateChanged(database.sql)).rejects.toThrow(
      startError(/^migration 1 is not the one that was applied to this database\. Restore its file/),
    )
  })

  it('is not ended by the statement_timeout of the session', async () => {
    const database = await emptyDatabase()
    const other = new pg.Client({ connectionString: database.url })
    await other.connect()
    onTestFinished(() => other.end())
    await other.query('SELECT pg_advisory_lock(6418230)')
    await database.sql.query('SET statement_timeout = 50')
    const migrated = migrate(database.sql)
    const waits = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'
      AND now() - query_start > '100 ms'`
    await expect.poll(async () => (await other.query(waits)).rowCount).toBe(1)
    await other.query('SELECT pg_advisory_unlock(6418230)')
    await migrated
    expect((await database.sql.query('SHOW statement_timeout')).rows).toEqual([{ statement_timeout: '50ms' }])
  })
})

describe('tables that are there already', () => {
  let database: Database

  beforeAll(async () => {
    database = await createConnectedDatabase()
  })
  afterAll(() => database.drop())

  const migrated = async (tables: string) => {
    await database.sql.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    await database.sql.query(tables)
    return migrate(database.sql)
  }

  it.each([
    ['of an ORM', 'CREATE TABLE simple_text (id serial PRIMARY KEY, text varchar)'],
    [
      'with more columns',
      'CREATE TABLE simple_text (id bigserial PRIMARY KEY, text text, note text, at timestamptz NOT NULL DEFAULT now())',
    ],
    [
      'with a unique index for a key',
      'CREATE TABLE simple_text (id bigint GENERATED BY DEFAULT AS IDENTITY UNIQUE, text text)',
    ],
    [
      'with a row in them',
      `CREATE TABLE simple_text (id serial PRIMARY KEY, text text); INSERT INTO simple_text (text) VALUES ('kept')`,
    ],
    [
      'for tasks',
      'CREATE TABLE tasks (id serial PRIMARY KEY, title varchar(200) NOT NULL, done boolean NOT NULL DEFAULT false, created_at timestamptz NOT NULL DEFAULT now())',
    ],
  ])('are used: a table %s', async (_, tables) => {
    await migrated(tables)
    await database.sql.query(
      `INSERT INTO simple_text (text) VALUES ('a'); INSERT INTO tasks (title) VALUES ('a')`,
    )
  })

  it.each([
    ['CREATE TABLE simple_text (id serial PRIMARY KEY)', 'text (text) is missing'],
    ['CREATE TABLE simple_text (id serial PRIMARY KEY, text jsonb)', 'text is jsonb, not text'],
    ['CREATE TABLE simple_text (id serial, text text)', 'id has no primary key or unique index'],
    [
      'CREATE TABLE simple_text (id uuid PRIMARY KEY, text text)',
      'id is uuid, not bigint; id is no identity or serial',
    ],
    ['CREATE TABLE simple_text (id bigint PRIMARY KEY, text text)', 'id is no identity or serial'],
    [
      'CREATE TABLE simple_text (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text)',
      'id is GENERATED ALWAYS, not BY DEFAULT',
    ],
    [
      'CREATE TABLE simple_text (id serial PRIMARY KEY, text text, owner int NOT NULL)',
      'owner is NOT NULL without a default',
    ],
    [
      'CREATE TABLE simple_text (id serial PRIMARY KEY, text text); ALTER SEQUENCE simple_text_id_seq RENAME TO text_ids',
      'the sequence of id is text_ids, not simple_text_id_seq',
    ],
    [`CREATE VIEW simple_text AS SELECT 1 AS id, 'a' AS text`, 'it is not a table'],
  ])('%s is named with what is missing', async (tables, missing) => {
    const message = `the table simple_text does not fit: ${missing}. Correct that, or `
    await expect(migrated(tables)).rejects.toThrow(
      expect.objectContaining({ name: 'StartError', message: expect.stringContaining(message) }),
    )
  })

  it('of a task says all that is missing', async () => {
    const tables =
      'CREATE TABLE tasks (id serial PRIMARY KEY, title text, done int NOT NULL, created_at timestamp DEFAULT now())'
    await expect(migrated(tables)).rejects.toThrow(
      'the table tasks does not fit: title is not NOT NULL; done is integer, not boolean; done has no default; created_at is timestamp without time zone, not timestamp with time zone; created_at is not NOT NULL. ',
    )
  })

  it('are not enough for a role that may not write them', async () => {
    await migrated('')
    const role = `reader_${process.pid}`
    await database.sql.query(
      `CREATE ROLE ${role}; GRANT USAGE ON SCHEMA public TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}; SET ROLE ${role}`,
    )
    await expect(migrate(database.sql)).rejects.toThrow(
      startError(/^the role may not INSERT on the table simple_text\. GRANT it that/),
    )
    await database.sql.query(`RESET ROLE; DROP OWNED BY ${role}; DROP ROLE ${role}`)
  })

  it('are not enough for a role that may not use their sequences', async () => {
    await migrated('')
    const role = `inserter_${process.pid}`
    await database.sql.query(
      `CREATE ROLE ${role}; GRANT USAGE ON SCHEMA public TO ${role}; GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO ${role}; SET ROLE ${role}`,
    )
    await expect(migrate(database.sql)).rejects.toThrow(
      startError(/^the role may not use the sequence simple_text_id_seq\. GRANT it USAGE on that sequence/),
    )
    await database.sql.query(`RESET ROLE; DROP OWNED BY ${role}; DROP ROLE ${role}`)
  })
})
