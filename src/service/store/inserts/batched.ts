import type { BatchStatements, GroupCommit, StoredRow } from '../group-commit.ts'
import type { InsertStrategy } from './insert-strategy.ts'

export type StoredText = StoredRow & { readonly id: number }

/**
 * The ids are taken from the sequence together with the positions, so that each row of the answer has both.
 * `MERGE … RETURNING` would be shorter, but PostgreSQL has it only since version 17, and it does not report rows that a
 * trigger dropped (docs/decisions.md, 2).
 *
 * If a row was not stored, the statement divides by zero: it fails and stores nothing. One named statement serves
 * batches of any size.
 */
export const textInserts: BatchStatements = {
  many: {
    name: 'insert_texts',
    operation: 'INSERT',
    text: `WITH new AS MATERIALIZED (
      SELECT nextval('simple_text_id_seq') AS id, text, position
      FROM unnest($1::text[]) WITH ORDINALITY AS given (text, position)
    ), stored AS (
      INSERT INTO simple_text (id, text) OVERRIDING SYSTEM VALUE SELECT id, text FROM new RETURNING id
    )
    SELECT position::int, id / (stored.id IS NOT NULL)::int AS id FROM new LEFT JOIN stored USING (id)`,
  },
  one: {
    name: 'insert_one_text',
    text: 'INSERT INTO simple_text (text) VALUES ($1) RETURNING 1 AS position, id',
  },
}

/**
 * `batched`: rows of many requests in one statement and one commit; see `group-commit.ts` for the mechanism
 * and what it trades. The cheapest way to insert single rows durably, by a factor of two to three.
 */
export function createBatched(group: GroupCommit<StoredText>): InsertStrategy {
  return async (texts, caller) => {
    const rows = await group.add(texts, caller)
    return rows.map(({ id }) => id)
  }
}
