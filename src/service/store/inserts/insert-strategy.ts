import type { Caller } from '../database.ts'

/** The ways to put rows into `simple_text`; each has a file of its own that says what it trades. */
export const insertStrategyNames = ['batched', 'single', 'prepared', 'copy'] as const
export type InsertStrategyName = (typeof insertStrategyNames)[number]

/**
 * Inserts all of the texts or none. It inserts none if the client has gone before there is a connection.
 * @returns the ids in the order of the texts, after the rows are durable.
 * @throws {ServiceError} None of the texts is stored then, unless the code is `outcome_unknown`.
 */
export type InsertStrategy = (texts: readonly string[], caller: Caller) => Promise<readonly number[]>
