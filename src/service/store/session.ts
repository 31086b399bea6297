import { performance } from 'node:perf_hooks'
import { finished, pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { Telemetry } from '../../telemetry/telemetry.ts'
import { sweepMs } from './bounded-queue.ts'
import type { LentClient } from './cuttable-client.ts'
import { isConnectionLost, toServiceError } from './database-errors.ts'

/** How long a connection to a read-only server is used before a new one replaces it and may reach another server. */
const lookAgainMs = 1_000

/** A statement. If it has a `name`, it is parsed once per connection. */
export interface Statement {
  name?: string
  text: string
  values?: unknown[]
  /** Whether its success makes rows durable. If the connection is lost, it is unknown whether they are stored. */
  commits?: boolean
  /** For metrics; by default the first word of the text. */
  operation?: string
}

export type Row = pg.QueryResultRow

/** A connection while one request or batch uses it. Every error it throws is a `ServiceError`. */
export class Session {
  readonly #client: LentClient
  readonly #options: { hangLimitMs: number; telemetry: Telemetry; released: () => void }
  readonly #acquiredMs = performance.now()
  #isBroken = false

  constructor(
    client: LentClient,
    options: {
      /** A COPY is cut if PostgreSQL accepts no data for this long. */
      hangLimitMs: number
      telemetry: Telemetry
      /** Called once, by `release`. */
      released: () => void
    },
  ) {
    this.#client = client
    this.#options = options
  }

  /** The connection cannot be used any more. `release` will close it. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  async query<R extends Row>(statement: Statement): Promise<readonly R[]> {
    const { text, commits = false, operation = text.split(' ', 1)[0] ?? text } = statement
    const durations = this.#options.telemetry.metrics?.queryDuration
    const sentMs = performance.now()
    this.#client.pendingSinceMs = sentMs
    try {
      const { rows } = await this.#client.query<R>(statement)
      durations?.series(operation, '').observe((performance.now() - sentMs) / 1000)
      return rows
    } catch (error) {
      const known = this.#failure(error, commits)
      durations?.series(operation, known.code).observe((performance.now() - sentMs) / 1000)
      throw known
    } finally {
      this.#client.pendingSinceMs = null
    }
  }

  /**
   * Runs `work` in a transaction. If it throws, all of it is undone.
   * @param options.settings apply to this transaction only, because others use the connection later.
   */
  async transaction<T>(
    work: () => Promise<T>,
    { settings = {} }: { settings?: Readonly<Record<string, number>> } = {},
  ): Promise<T> {
    const local = Object.entries(settings).map(([name, value]) => `; SET LOCAL ${name} = ${value}`)
    let result: T
    try {
      await this.query({ text: `BEGIN${local.join('')}`, operation: 'BEGIN' })
      result = await work()
    } catch (error) {
      await this.#rollBack()
      throw error
    }
    await this.query({ text: 'COMMIT', commits: true })
    return result
  }

  /**
   * Sends rows in COPY's text format. The source is read as fast as PostgreSQL takes its rows. Call it in a transaction:
   * then nothing is stored if it throws.
   * @param sql `COPY … FROM STDIN`
   * @returns how many rows PostgreSQL stored.
   */
  async copy(sql: string, rows: NodeJS.ReadableStream | Iterable<string>): Promise<number> {
    const copy = this.#client.query(copyFrom(sql))
    let takenMs = performance.now()
    copy.on('drain', () => {
      takenMs = performance.now()
    })
    const watch = setInterval(() => {
      const nowMs = performance.now()
      const isPostgresDue = copy.writableNeedDrain || copy.writableEnded || copy.destroyed
      if (!isPostgresDue) takenMs = nowMs
      else if (nowMs - takenMs > this.#options.hangLimitMs) this.#client.cut()
    }, sweepMs)
    // If the source fails, so does the COPY; only the COPY knows when PostgreSQL has ended it.
    const [ended] = await Promise.allSettled([finished(copy), pipeline(rows, copy)])
    clearInterval(watch)
    if (ended.status === 'rejected') throw this.#failure(ended.reason, false)
    return copy.rowCount
  }

  release(): void {
    const { telemetry, released } = this.#options
    telemetry.metrics?.connectionUse.observe((performance.now() - this.#acquiredMs) / 1000)
    this.#client.release(this.#isBroken)
    released()
  }

  /** A connection whose transaction cannot be rolled back is closed, which rolls it back too. */
  async #rollBack(): Promise<void> {
    if (this.#isBroken) return
    try {
      await this.query({ text: 'ROLLBACK' })
    } catch {
      this.#isBroken = true
    }
  }

  /**
   * A read-only server may be the primary from before a failover. A new connection then reaches the current primary.
   * A connection that was just opened is kept, or each request would open another one while the database is
   * read-only.
   */
  #isOutdated(): boolean {
    return performance.now() - this.#client.createdMs > lookAgainMs
  }

  #failure(error: unknown, mayBeDurable: boolean) {
    const known = toServiceError(error, { mayBeDurable })
    this.#isBroken ||= isConnectionLost(known) || (known.code === 'database_read_only' && this.#isOutdated())
    return known
  }
}
