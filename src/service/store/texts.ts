import type { Readable } from 'node:stream'
import { noteInsertStrategy } from '../../telemetry/request.ts'
import type { Telemetry } from '../../telemetry/telemetry.ts'
import { copyLines } from './bulk.ts'
import type { Caller, Database } from './database.ts'
import type { GroupCommit } from './group-commit.ts'
import { createBatched, type StoredText } from './inserts/batched.ts'
import { createCopy } from './inserts/copy.ts'
import type { InsertStrategy, InsertStrategyName } from './inserts/insert-strategy.ts'
import { createPrepared } from './inserts/prepared.ts'
import { createSingle } from './inserts/single.ts'
import { Turns } from './turns.ts'

/** The table `simple_text`. Each call may choose the strategy of its insert. */
export class Texts {
  readonly defaultStrategy: InsertStrategyName
  readonly #strategies: Readonly<Record<InsertStrategyName, InsertStrategy>>
  readonly #database: Database
  readonly #telemetry: Telemetry
  readonly #stallLimitMs: number
  readonly #streams: Turns

  constructor(options: {
    database: Database
    group: GroupCommit<StoredText>
    telemetry: Telemetry
    defaultStrategy: InsertStrategyName
    /** How long the sender of a stream may send nothing, and how long a stream may wait for its turn. */
    stallLimitMs: number
    /** How many streams may be stored at the same time, and how many may wait. */
    streamLimit: number
    streamQueueLimit: number
  }) {
    const { database, group, telemetry } = options
    this.defaultStrategy = options.defaultStrategy
    this.#database = database
    this.#telemetry = telemetry
    this.#stallLimitMs = options.stallLimitMs
    this.#streams = new Turns(options.streamLimit, {
      limit: options.streamQueueLimit,
      deadlineMs: options.stallLimitMs,
      turn: 'other streams to end',
    })
    this.#strategies = {
      batched: createBatched(group),
      single: createSingle(database),
      prepared: createPrepared(database),
      copy: createCopy(database),
    }
  }

  /**
   * Stores all of the texts or none.
   * @returns their ids in the order of the texts, after the rows are durable.
   */
  async insert(
    texts: readonly string[],
    options: Caller & { strategy?: InsertStrategyName | undefined } = {},
  ): Promise<readonly number[]> {
    const { strategy = this.defaultStrategy } = options
    noteInsertStrategy(strategy)
    const ids = await this.#strategies[strategy](texts, options)
    this.#telemetry.metrics?.insertRows.series(strategy).inc(ids.length)
    return ids
  }

  /**
   * Stores a stream of NDJSON; see {@link copyLines}. The sender decides how long its stream holds a connection, so
   * only a limited number of streams runs at a time. The others wait.
   */
  async copyLines(lines: Readable, { isCancelled }: Caller = {}): Promise<number> {
    try {
      return await this.#streams.run(
        () => copyLines(this.#database, lines, { isCancelled, stallLimitMs: this.#stallLimitMs }),
        isCancelled,
      )
    } finally {
      // If it never had its turn: the rest is read and dropped, so that the answer reaches a client that still sends.
      lines.resume()
    }
  }

  close(): void {
    this.#streams.close()
  }
}
