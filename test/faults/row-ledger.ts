import { type Attempt, testInsertText } from './load.ts'

/** A row of either table, as it was found after the fault. */
export interface FoundRow {
  readonly table: 'simple_text' | 'tasks'
  readonly id: number
  readonly text: string
}

/** What clients were told against what is stored; rows, not requests. */
export interface Comparison {
  readonly acknowledged: number
  /** Of the acknowledged. */
  readonly found: number
  readonly lost: number
  /** Stored twice, or one id for two requests. */
  readonly duplicated: number
  readonly storedThoughRefused: number
  /** Requests of several rows that were stored in part. */
  readonly torn: number
}

/** Compares every answer with the tables. */
export function compare(attempts: readonly Attempt[], rows: readonly FoundRow[]): Comparison {
  const byId = new Map(rows.map(row => [`${row.table} ${row.id}`, row]))
  const counts = new Map<string, number>()
  for (const { text } of rows) counts.set(text, (counts.get(text) ?? 0) + 1)
  const stored = (text: string) => counts.get(text) ?? 0
  const isFound = ({ kind, ids }: Attempt, text: string) =>
    ids.length === 0 ? stored(text) > 0 : ids.every(id => byId.get(keyOf(kind, id))?.text === text)

  const acknowledged = attempts.filter(({ outcome }) => outcome === 'acknowledged')
  const acknowledgedRows = sum(acknowledged, ({ texts }) => texts.length)
  const found = sum(acknowledged, each => each.texts.filter(text => isFound(each, text)).length)
  const keys = acknowledged.flatMap(({ kind, ids }) => ids.map(id => keyOf(kind, id)))

  // These rows have no text of their own: there may be as many as were acknowledged or are in doubt.
  const testInserts = attempts.filter(({ kind }) => kind === 'test-insert')
  const allowed = testInserts.filter(({ outcome }) => outcome !== 'refused').length
  const own = attempts.filter(({ kind }) => kind !== 'test-insert')
  const storedOf = ({ texts }: Attempt) => texts.filter(text => stored(text) > 0).length
  return {
    acknowledged: acknowledgedRows,
    found,
    lost: acknowledgedRows - found,
    duplicated:
      sum([...counts], ([text, count]) => (text === testInsertText ? 0 : count - 1)) +
      (keys.length - new Set(keys).size),
    storedThoughRefused:
      sum(
        own.filter(({ outcome }) => outcome === 'refused'),
        storedOf,
      ) + Math.max(0, stored(testInsertText) - allowed),
    torn: own.filter(each => ![0, each.texts.length].includes(storedOf(each))).length,
  }
}

function keyOf(kind: Attempt['kind'], id: number): string {
  return `${kind === 'task' ? 'tasks' : 'simple_text'} ${id}`
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
