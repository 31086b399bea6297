import type { Database } from '../database.ts'
import { rowNotKept } from '../database-errors.ts'
import type { Session, Statement } from '../session.ts'
import type { InsertStrategy } from './insert-strategy.ts'

/**
 * One statement per row, one after the other on one connection, as a loop with an ORM does. A single row needs no
 * transaction. Several rows are in one transaction, so that all are stored or none.
 */
export function sequentialInserts(
  database: Database,
  statementFor: (text: string) => Statement,
): InsertStrategy {
  return async (texts, caller) => {
    const session = await database.acquire(caller)
    try {
      const [text = ''] = texts
      if (texts.length === 1) return [await insertOne(session, { ...statementFor(text), commits: true })]
      return await session.transaction(async () => {
        const ids: number[] = []
        for (const each of texts) ids.push(await insertOne(session, statementFor(each)))
        return ids
      })
    } finally {
      session.release()
    }
  }
}

async function insertOne(session: Session, statement: Statement): Promise<number> {
  const [row] = await session.query<{ id: number }>(statement)
  if (row === undefined) throw rowNotKept()
  return row.id
}
