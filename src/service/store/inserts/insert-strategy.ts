/** The ways to put rows into `simple_text`; each has a file of its own that says what it trades. */
export const insertStrategyNames = ['batched', 'single', 'prepared', 'pipelined', 'copy'] as const
export type InsertStrategyName = (typeof insertStrategyNames)[number]

/**
 * Gets the ids in the order of the texts, after the rows are durable; or an error, and then none of them is
 * stored unless its code is `outcome_unknown`.
 *
 * A callback and not a promise: a batch answers many requests within one callback of the event loop. Called
 * back one by one, each runs to the end under its own CPU account and trace context; as promises their
 * continuations would take turns in the microtask queue, where nobody can tell whose turn it is.
 */
export type Inserted = (error: Error | null, ids: readonly number[]) => void

export interface InsertStrategy {
  /**
   * Inserts all of the texts or none.
   * @param isCancelled tells, when the rows' turn comes, that nobody waits for them any more.
   */
  insert(texts: readonly string[], inserted: Inserted, isCancelled?: () => boolean): void
}
