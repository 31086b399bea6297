import pg from 'pg'
import { StartError } from '../errors.ts'

/** Not `schema_version`, because other migration tools use that name. */
export const versionTable = 'insertlab_schema_version'

interface NeededColumn {
  readonly types: readonly string[]
  /** Where the value comes from if an insert gives none. */
  readonly unwritten?: 'sequence' | 'default'
  /** The column is read, and the schema of the answer allows no null. */
  readonly isNeverNull?: boolean
}

interface NeededTable {
  readonly columns: Readonly<Record<string, NeededColumn>>
  readonly privileges: readonly string[]
}

const texts = ['text', 'character varying']
const id: NeededColumn = { types: ['bigint', 'integer'], unwritten: 'sequence', isNeverNull: true }

/** What the statements of `store/` need. The tables may have more columns. */
const needed: Readonly<Record<string, NeededTable>> = {
  simple_text: { columns: { id, text: { types: texts } }, privileges: ['SELECT', 'INSERT'] },
  tasks: {
    columns: {
      id,
      title: { types: texts, isNeverNull: true },
      done: { types: ['boolean'], unwritten: 'default', isNeverNull: true },
      created_at: { types: ['timestamp with time zone'], unwritten: 'default', isNeverNull: true },
    },
    privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  },
}

/** A column as `pg_attribute` has it. */
interface Column {
  name: string
  type: string
  isNotNull: boolean
  hasDefault: boolean
  /** The sequence that gives its values, without its schema; null: none. */
  sequence: string | null
  mayUseSequence: boolean | null
  isAlwaysGenerated: boolean
}

interface Table {
  name: string
  kind: string
  hasUniqueId: boolean
  lacks: string[]
  columns: Column[]
}

const tableQuery = `
  SELECT c.relname AS name, c.relkind AS kind,
    EXISTS (
      SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'id'
      WHERE i.indrelid = c.oid AND i.indisunique AND i.indpred IS NULL AND i.indkey::text = a.attnum::text
    ) AS "hasUniqueId",
    ARRAY(SELECT p FROM unnest($2::text[]) p WHERE NOT has_table_privilege(c.oid, p)) AS lacks,
    (
      SELECT coalesce(json_agg(json_build_object(
        'name', a.attname,
        'type', format_type(a.atttypid, NULL),
        'isNotNull', a.attnotnull,
        'hasDefault', a.atthasdef OR a.attidentity <> '',
        'sequence', (SELECT relname FROM pg_class WHERE oid = s.sequence),
        'mayUseSequence', has_sequence_privilege(s.sequence, 'USAGE'),
        'isAlwaysGenerated', a.attidentity = 'a' OR a.attgenerated <> '')), '[]')
      FROM pg_attribute a
      CROSS JOIN LATERAL (SELECT pg_get_serial_sequence(c.oid::regclass::text, a.attname)::regclass::oid AS sequence) s
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    ) AS columns
  FROM pg_class c WHERE c.relname = $1 AND c.relnamespace = quote_ident(current_schema())::regnamespace`

/**
 * Checks the tables. They may be older than the first migration, as in a database of the first report. A table that
 * fits is used.
 * @throws {StartError} naming the table and all that is missing.
 */
export async function requireTables(client: pg.Client): Promise<void> {
  for (const [name, table] of Object.entries(needed)) {
    const { rows } = await client.query<Table>(tableQuery, [name, table.privileges])
    const found = rows[0]
    const wrong = found === undefined ? ['it is missing'] : misfits(found, table)
    if (wrong.length > 0) {
      throw new StartError(
        `the table ${name} does not fit: ${wrong.join('; ')}. Correct that, or give the service a schema of its own: CREATE SCHEMA insertlab, and options=-c%20search_path=insertlab in DATABASE_URL.`,
      )
    }
    if (found !== undefined && found.lacks.length > 0) {
      throw new StartError(
        `the role may not ${found.lacks.join(', ')} on the table ${name}. GRANT it that, or use another role.`,
      )
    }
    if (found?.columns.some(({ mayUseSequence }) => mayUseSequence === false)) {
      throw new StartError(
        `the role may not use the sequence ${name}_id_seq. GRANT it USAGE on that sequence, or use another role.`,
      )
    }
  }
}

/** Grants a role the privileges that the service needs, and no more: it cannot alter, truncate or drop the tables. */
export async function grantTables(client: pg.Client, role: string): Promise<void> {
  const to = `TO ${pg.escapeIdentifier(role)}`
  const { rows } = await client.query('SELECT quote_ident(current_schema()) AS schema')
  const grants = [
    `GRANT USAGE ON SCHEMA ${rows[0].schema} ${to}`,
    // At its start the service looks whether its migrations are done.
    `GRANT SELECT ON ${versionTable} ${to}`,
  ]
  for (const [name, { privileges }] of Object.entries(needed)) {
    grants.push(`GRANT ${privileges.join(', ')} ON ${name} ${to}`)
    grants.push(`GRANT USAGE ON SEQUENCE ${name}_id_seq ${to}`)
  }
  await client.query(grants.join('; '))
}

/** The reasons why the service cannot use a table that it did not create. */
function misfits(table: Table, { columns }: NeededTable): string[] {
  if (table.kind !== 'r' && table.kind !== 'p') return ['it is not a table']
  const found = new Map(table.columns.map(column => [column.name, column]))
  const wrong = Object.entries(columns).flatMap(([name, column]) =>
    misfitsOf(name, found.get(name), column, `${table.name}_id_seq`),
  )
  if (found.has('id') && !table.hasUniqueId) wrong.push('id has no primary key or unique index')
  for (const { name, isNotNull, hasDefault } of table.columns) {
    if (!(name in columns) && isNotNull && !hasDefault) wrong.push(`${name} is NOT NULL without a default`)
  }
  return wrong
}

/** @param sequence the statements of `store/` take ids from the sequence of this name. */
function misfitsOf(
  name: string,
  found: Column | undefined,
  expected: NeededColumn,
  sequence: string,
): string[] {
  if (found === undefined) return [`${name} (${expected.types[0]}) is missing`]
  const wrong: string[] = []
  if (!expected.types.includes(found.type)) wrong.push(`${name} is ${found.type}, not ${expected.types[0]}`)
  if (expected.isNeverNull && !found.isNotNull) wrong.push(`${name} is not NOT NULL`)
  if (found.isAlwaysGenerated) wrong.push(`${name} is GENERATED ALWAYS, not BY DEFAULT`)
  if (expected.unwritten === 'sequence') {
    if (found.sequence === null) wrong.push(`${name} is no identity or serial`)
    else if (found.sequence !== sequence) {
      wrong.push(`the sequence of ${name} is ${found.sequence}, not ${sequence}`)
    }
  }
  if (expected.unwritten === 'default' && !found.hasDefault) wrong.push(`${name} has no default`)
  return wrong
}
