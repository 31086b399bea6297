import { ServiceError } from '../errors.ts'
import type { Connections } from './connections.ts'
import type { BatchStatements, GroupCommit } from './group-commit.ts'
import type { Row } from './rows-query.ts'

export interface Task {
  id: number
  title: string
  done: boolean
  createdAt: string
}

export interface TaskPage {
  items: Task[]
  /** Opaque; null at the end. */
  next: string | null
}

const columns = 'id, title, done, created_at'

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
} as const

/** New tasks go through the batch like texts do; why it is a MERGE is said in `inserts/batched.ts`. */
export const taskInserts: BatchStatements = {
  many: {
    name: 'insert_tasks',
    text: `MERGE INTO tasks
    USING unnest($1::text[]) WITH ORDINALITY AS new (title, position) ON false
    WHEN NOT MATCHED THEN INSERT (title) VALUES (new.title)
    RETURNING new.position::int, tasks.id, tasks.title, tasks.done, tasks.created_at`,
  },
  one: { name: 'insert_one_task', text: `INSERT INTO tasks (title) VALUES ($1) RETURNING 1, ${columns}` },
}

/** Tasks in PostgreSQL, by prepared statements; every one of them finds its rows by primary key. */
export class Tasks {
  readonly #connections: Connections
  readonly #creations: GroupCommit

  constructor(connections: Connections, creations: GroupCommit) {
    this.#connections = connections
    this.#creations = creations
  }

  create(
    title: string,
    created: (error: Error | null, task: Task | null) => void,
    isCancelled?: () => boolean,
  ): void {
    this.#creations.add(
      [title],
      (error, [row]) => {
        if (error !== null || row === undefined) created(error, null)
        else created(null, toTask(row.slice(1)))
      },
      isCancelled,
    )
  }

  /**
   * A page after the cursor. Keyset and not OFFSET: the millionth page reads as many rows as the first.
   * @throws {ServiceError} cursor_invalid
   */
  async list(after: string | undefined, limit: number): Promise<TaskPage> {
    const afterId = after === undefined ? 0 : decodeCursor(after)
    // One more than asked for tells whether there is a next page.
    const rows = await this.#connections.query({ ...statements.list, values: [afterId, limit + 1] })
    const items = rows.slice(0, limit).map(toTask)
    const last = items.at(-1)
    return { items, next: rows.length > limit && last !== undefined ? encodeCursor(last.id) : null }
  }

  async find(id: number): Promise<Task | null> {
    return first(await this.#connections.query({ ...statements.find, values: [id] }))
  }

  async update(id: number, title: string, done: boolean): Promise<Task | null> {
    return first(await this.#connections.query({ ...statements.update, values: [id, title, done] }))
  }

  /** @returns whether there was one. */
  async remove(id: number): Promise<boolean> {
    return (await this.#connections.query({ ...statements.remove, values: [id] })).length > 0
  }
}

function first([row]: readonly Row[]): Task | null {
  return row === undefined ? null : toTask(row)
}

function toTask([id, title, done, createdAt]: Row): Task {
  return {
    id: id as number,
    title: title as string,
    done: done as boolean,
    createdAt: (createdAt as Date).toISOString(),
  }
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
