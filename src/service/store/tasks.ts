import { ServiceError } from '../errors.ts'
import type { Caller, Database } from './database.ts'
import { rowNotKept } from './database-errors.ts'
import type { BatchStatements, GroupCommit, StoredRow } from './group-commit.ts'
import type { Statement } from './session.ts'

export interface Task {
  id: number
  title: string
  done: boolean
  /** RFC 3339 in UTC. RFC 3339 cannot express `infinity` or a year BC, so these are as PostgreSQL writes them. */
  createdAt: string
}

export interface TaskPage {
  items: Task[]
  /** Opaque; null at the end. */
  next: string | null
}

/**
 * PostgreSQL sends timestamps as JSON in UTC. The text of a `timestamptz` would depend on the session's DateStyle and
 * TimeZone, which a role or a database may have set.
 */
const columns = `id, title, done, to_json(created_at AT TIME ZONE 'UTC') AS "createdAt"`

const statements = {
  list: {
    name: 'list_tasks',
    text: `SELECT ${columns} FROM tasks WHERE id > $1 ORDER BY id LIMIT $2`,
  },
  find: { name: 'find_task', text: `SELECT ${columns} FROM tasks WHERE id = $1` },
  update: {
    name: 'update_task',
    text: `UPDATE tasks SET title = $2, done = $3 WHERE id = $1 RETURNING ${columns}`,
    commits: true,
  },
  remove: { name: 'remove_task', text: 'DELETE FROM tasks WHERE id = $1 RETURNING id', commits: true },
} satisfies Record<string, Statement>

/** New tasks go through the batch as texts do; `inserts/batched.ts` explains the statement. */
export const taskInserts: BatchStatements = {
  many: {
    name: 'insert_tasks',
    operation: 'INSERT',
    text: `WITH new AS MATERIALIZED (
      SELECT nextval('tasks_id_seq') AS id, title, position
      FROM unnest($1::text[]) WITH ORDINALITY AS given (title, position)
    ), stored AS (
      INSERT INTO tasks (id, title) OVERRIDING SYSTEM VALUE SELECT id, title FROM new RETURNING ${columns}
    )
    SELECT position::int, id / (stored.id IS NOT NULL)::int AS id, stored.title, done, "createdAt"
    FROM new LEFT JOIN stored USING (id)`,
  },
  one: {
    name: 'insert_one_task',
    text: `INSERT INTO tasks (title) VALUES ($1) RETURNING 1 AS position, ${columns}`,
  },
}

/** Tasks in PostgreSQL, by prepared statements; every one of them finds its rows by primary key. */
export class Tasks {
  readonly #database: Database
  readonly #creations: GroupCommit<Task & StoredRow>

  constructor(database: Database, creations: GroupCommit<Task & StoredRow>) {
    this.#database = database
    this.#creations = creations
  }

  async create(title: string, caller?: Caller): Promise<Task> {
    const [row] = await this.#creations.add([title], caller)
    if (row === undefined) throw rowNotKept()
    return toTask(row)
  }

  /**
   * The page after the cursor. It uses a keyset and not OFFSET, so page 1,000,000 reads as many rows as page 1.
   * @throws {ServiceError} cursor_invalid
   */
  async list(after: string | undefined, limit: number, caller?: Caller): Promise<TaskPage> {
    const afterId = after === undefined ? 0 : decodeCursor(after)
    // One row more than asked for shows whether there is a next page.
    const rows = await this.#database.query<Task>(
      { ...statements.list, values: [afterId, limit + 1] },
      caller,
    )
    const items = rows.slice(0, limit).map(toTask)
    const last = items.at(-1)
    return { items, next: rows.length > limit && last !== undefined ? encodeCursor(last.id) : null }
  }

  async find(id: number, caller?: Caller): Promise<Task | null> {
    const [row] = await this.#database.query<Task>({ ...statements.find, values: [id] }, caller)
    return row === undefined ? null : toTask(row)
  }

  async update(id: number, title: string, done: boolean, caller?: Caller): Promise<Task | null> {
    const [row] = await this.#database.query<Task>(
      { ...statements.update, values: [id, title, done] },
      caller,
    )
    if (row !== undefined) return toTask(row)
    await this.#assertMissing(id, caller)
    return null
  }

  /** @returns whether the task existed. */
  async remove(id: number, caller?: Caller): Promise<boolean> {
    const rows = await this.#database.query({ ...statements.remove, values: [id] }, caller)
    if (rows.length === 0) await this.#assertMissing(id, caller)
    return rows.length > 0
  }

  /** For a statement that changed no row. Either the task does not exist, or a trigger prevented the change. */
  async #assertMissing(id: number, caller: Caller | undefined): Promise<void> {
    if ((await this.find(id, caller)) !== null) {
      throw new ServiceError('text_not_storable', 'the database kept the task as it was')
    }
  }
}

function toTask({ id, title, done, createdAt }: Task): Task {
  return { id, title, done, createdAt: toRfc3339(createdAt) }
}

function toRfc3339(utc: string): string {
  const isCommon = /^\d{4}-\d\d-\d\dT[\d:.]+$/.test(utc)
  return isCommon ? new Date(`${utc}Z`).toISOString() : utc
}

function encodeCursor(id: number): string {
  return Buffer.from(`task:${id}`).toString('base64url')
}

function decodeCursor(cursor: string): number {
  const match = /^task:([1-9][0-9]{0,15})$/.exec(Buffer.from(cursor, 'base64url').toString())
  if (match === null || !Number.isSafeInteger(Number(match[1]))) {
    throw new ServiceError('cursor_invalid', 'take `after` from the `next` of a page')
  }
  return Number(match[1])
}
