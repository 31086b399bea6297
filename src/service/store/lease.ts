import { performance } from 'node:perf_hooks'
import { finished, type Writable } from 'node:stream'
import { from as copyFrom } from 'pg-copy-streams'
import type { CpuAccount, Telemetry } from '../../telemetry/old-store-shims.ts'
import type { ServiceError } from '../errors.ts'
import type { Connection } from './connection.ts'
import { isConnectionLost, toServiceError } from './database-errors.ts'
import type { QueryDurations } from './query-durations.ts'
import { type Row, RowsQuery, type Statement } from './rows-query.ts'

/** One connection in the hands of one request or batch. */
export class Lease {
  readonly connection: Connection
  /** For the one who lends it: its place among those that are lent. */
  place = -1
  readonly #telemetry: Telemetry
  readonly #durations: QueryDurations | null
  readonly #giveBack: (lease: Lease) => void
  readonly #acquiredMs = performance.now()
  #account: CpuAccount | undefined
  #pendingSinceMs: number | null = null

  constructor(
    connection: Connection,
    options: {
      telemetry: Telemetry
      /** null where metrics are not kept. */
      durations: QueryDurations | null
      account: CpuAccount | undefined
      /** Called once, by `release`. */
      giveBack: (lease: Lease) => void
    },
  ) {
    this.connection = connection
    this.#telemetry = options.telemetry
    this.#durations = options.durations
    this.#giveBack = options.giveBack
    this.chargeTo(options.account)
  }

  /** The connection works for `account` from here on: a batch hands it to the next without giving it back. */
  chargeTo(account: CpuAccount | undefined): void {
    this.#account = account
    this.connection.account = account
  }

  /** Sends a statement; its error, if any, is a {@link ServiceError}. */
  query(statement: Statement, done: (error: ServiceError | null, rows: readonly Row[]) => void): void {
    const sentMs = performance.now()
    this.#pendingSinceMs = sentMs
    const query = new RowsQuery(statement, (error, rows) => {
      this.#pendingSinceMs = null
      // Whoever reads the socket is in the account already, unless the connection was lost or ended.
      this.#telemetry.resume(this.#account, () => {
        const known = error ? this.#failure(error, statement.commits === true) : null
        this.#durations?.observe(
          statement.text,
          known === null ? null : known.code,
          performance.now() - sentMs,
        )
        done(known, known === null ? rows : [])
      })
    })
    this.connection.client.query(query)
    // The request waits now.
    this.#telemetry.ledger.enter(undefined)
  }

  /**
   * Opens a COPY. What is written to the stream goes to PostgreSQL as fast as it takes it: the stream's
   * back-pressure is the server's. Destroying the stream takes everything back. It may last as long as its
   * sender takes.
   * @param sql `COPY … FROM STDIN` in text format.
   * @param done when the rows are durable, or with the reason why none of them is.
   */
  copy(sql: string, done: (error: ServiceError | null) => void): Writable {
    const stream = this.connection.client.query(copyFrom(sql))
    finished(stream, error => {
      this.#telemetry.resume(this.#account, () => {
        done(error ? this.#failure(error, stream.writableEnded) : null)
      })
    })
    return stream
  }

  /** When the statement that runs was sent, on the clock of `performance.now()`; null where none runs. */
  get pendingSinceMs(): number | null {
    return this.#pendingSinceMs
  }

  /** Of no further use: it will be closed and not lent again. */
  get isBroken(): boolean {
    return this.connection.isBroken
  }

  release(): void {
    const { metrics } = this.#telemetry
    metrics?.connectionUse.observe((performance.now() - this.#acquiredMs) / 1000)
    this.connection.account = undefined
    this.#giveBack(this)
  }

  /** Releases it as broken, because its state is not known. */
  discard(): void {
    this.connection.isBroken = true
    this.release()
  }

  #failure(error: Error, mayBeDurable: boolean): ServiceError {
    const known = toServiceError(error, { mayBeDurable })
    this.connection.isBroken ||= isConnectionLost(known)
    return known
  }
}
