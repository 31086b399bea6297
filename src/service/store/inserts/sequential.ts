import type { Connections } from '../connections.ts'
import type { Lease } from '../lease.ts'
import type { Row, Statement } from '../rows-query.ts'
import type { Inserted, InsertStrategy } from './insert-strategy.ts'

const begin: Statement = { text: 'BEGIN' }
const commit: Statement = { text: 'COMMIT', commits: true }
const rollback: Statement = { text: 'ROLLBACK' }

/**
 * One statement a row, one after the other on one connection: what an ORM's loop does. A lone row needs no
 * transaction of its own; several are wrapped in one, so that all are stored or none.
 */
export function sequentialInserts(
  connections: Connections,
  statementFor: (text: string) => Statement,
): InsertStrategy {
  return {
    insert(texts, inserted) {
      connections.acquire((error, lease) => {
        if (error !== null) inserted(error, [])
        else if (texts.length === 1)
          insertAlone(lease, { ...statementFor(texts[0] ?? ''), commits: true }, inserted)
        else insertInTransaction(lease, texts.map(statementFor), inserted)
      })
    },
  }
}

function insertAlone(lease: Lease, statement: Statement, inserted: Inserted): void {
  lease.query(statement, (error, rows) => {
    lease.release()
    if (error !== null) inserted(error, [])
    else inserted(null, [idOf(rows)])
  })
}

function insertInTransaction(lease: Lease, statements: readonly Statement[], inserted: Inserted): void {
  const steps = [begin, ...statements, commit]
  const ids: number[] = []
  const step = (i: number) => {
    const statement = steps[i]
    if (statement === undefined) {
      lease.release()
      inserted(null, ids)
      return
    }
    lease.query(statement, (error, rows) => {
      if (error !== null) {
        undo(lease, () => inserted(error, []))
        return
      }
      if (statement !== begin && statement !== commit) ids.push(idOf(rows))
      step(i + 1)
    })
  }
  step(0)
}

/** A connection whose transaction cannot even be rolled back is closed, which rolls it back too. */
function undo(lease: Lease, done: () => void): void {
  lease.query(rollback, error => {
    if (error === null) lease.release()
    else lease.discard()
    done()
  })
}

function idOf(rows: readonly Row[]): number {
  return rows[0]?.[0] as number
}
