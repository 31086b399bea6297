import { performance } from 'node:perf_hooks'
import type pg from 'pg'
import { type PoolCounts, registerPool } from '../../telemetry/metrics.ts'
import type { CpuAccount, Telemetry } from '../../telemetry/old-store-shims.ts'
import { ServiceError } from '../errors.ts'
import { Connection } from './connection.ts'
import { toServiceError } from './database-errors.ts'
import { Lease } from './lease.ts'
import { QueryDurations } from './query-durations.ts'
import type { Row, Statement } from './rows-query.ts'

export interface ConnectionsOptions {
  client: pg.ClientConfig
  mode: 'pool' | 'per-request'
  size: number
  /** Requests that may wait for a connection before more are refused. */
  queueLimit: number
  /** How long one may wait. */
  waitLimitMs: number
  /** After so long without an answer a connection is cut: the server should have given up before. */
  hangLimitMs: number
  telemetry: Telemetry
}

/** Gets a lease, or the reason why there is none. */
export type UseLease = (...outcome: [error: ServiceError, lease: null] | [error: null, lease: Lease]) => void

interface Waiter {
  readonly use: UseLease
  readonly account: CpuAccount | undefined
  readonly askedMs: number
}

/** How often waits and statements that last too long are looked for. */
const sweepMs = 250

/**
 * Connections to PostgreSQL, lent to one request at a time: kept, as a pool, or (to reproduce what that costs)
 * opened and closed for each.
 *
 * `pg`'s own pool would cost a request a turn of the event loop, four events and a listener that comes and goes, and
 * knows no bound on its queue. Here a connection at rest is lent at once, goes from one request straight to the
 * next, and time limits are kept by one sweep instead of timers of their own. A timer for each statement
 * (`query_timeout`) was measured to cost a third of the throughput, because a cleared timer keeps what it closed over
 * alive past the young generation. The price is a limit that is exact to the sweep's period.
 *
 * A query is always sent on a connection that its own request holds, in its own trace context: `pool.query`
 * would run a queued query in the context of whoever gave the connection back.
 */
export class Connections {
  readonly #options: ConnectionsOptions
  readonly #telemetry: Telemetry
  readonly #durations: QueryDurations | null
  /** Open or being opened. */
  readonly #all = new Set<Connection>()
  /** Open, and lent to nobody. The one that was used last is lent first, the others may stay cold. */
  readonly #idle: Connection[] = []
  /**
   * In no order. Not a Map or a Set: V8 copies the table of one after every few dozen changes, that of an old one into
   * the old generation, where each dead copy keeps the leases that it held, and all behind them, until the next major
   * collection (figures: `README.md`, "Memory").
   */
  readonly #lent: Lease[] = []
  readonly #waiting: Waiter[] = []
  readonly #sweep: NodeJS.Timeout
  #isClosing = false

  constructor(options: ConnectionsOptions) {
    this.#options = options
    this.#telemetry = options.telemetry
    const { metrics } = options.telemetry
    this.#durations = metrics && new QueryDurations(metrics)
    this.#sweep = setInterval(() => this.#endLate(), sweepMs).unref()
    if (metrics !== null) registerPool(metrics, () => this.counts())
  }

  counts(): PoolCounts {
    return {
      max: this.#options.size,
      idle: this.#idle.length,
      used: this.#lent.length,
      pending: this.#waiting.length,
    }
  }

  /**
   * Lends a connection for as long as `use` does not release it; at once, where one is at rest. The request that
   * asks is the one that goes on in `use`.
   */
  acquire(use: UseLease): void {
    const { metrics, ledger } = this.#telemetry
    const { mode, size, queueLimit } = this.#options
    const idle = this.#idle.pop()
    if (idle !== undefined) {
      metrics?.connectionWait.observe(0)
      use(null, this.#lease(idle, ledger.current))
      return
    }
    const waiter: Waiter = { use, account: ledger.current, askedMs: performance.now() }
    if (mode === 'per-request' || this.#all.size < size) {
      this.#openFor(waiter)
    } else if (this.#waiting.length < queueLimit) {
      this.#waiting.push(waiter)
    } else {
      metrics?.requestsRejected.inc({ reason: 'connection_queue' })
      use(new ServiceError('overloaded', 'too many requests wait for a database connection'), null)
      return
    }
    // The request waits now.
    ledger.enter(undefined)
  }

  /** One statement, on a connection of its own for as long as it takes. */
  query(statement: Statement): Promise<readonly Row[]> {
    return new Promise((resolve, reject) => {
      this.acquire((error, lease) => {
        if (error !== null) {
          reject(error)
          return
        }
        lease.query(statement, (queryError, rows) => {
          lease.release()
          if (queryError !== null) reject(queryError)
          else resolve(rows)
        })
      })
    })
  }

  /** Waits until lent connections are back, and all have ended. */
  async close(): Promise<void> {
    this.#isClosing = true
    const all = [...this.#all]
    for (const connection of [...this.#idle]) this.#retire(connection)
    await Promise.all(all.map(({ ended }) => ended))
    clearInterval(this.#sweep)
  }

  #openFor(waiter: Waiter): void {
    const { client, waitLimitMs } = this.#options
    const connection: Connection = new Connection(
      { ...client, connectionTimeoutMillis: waitLimitMs },
      this.#telemetry,
      () => {
        // Who has borrowed one hears of it from the query, and gives it back.
        if (this.#idle.includes(connection)) this.#retire(connection)
      },
    )
    this.#all.add(connection)
    connection.open(error => {
      if (error === null) {
        this.#lend(waiter, connection)
      } else {
        this.#refuse(waiter, toServiceError(error, { mayBeDurable: false }))
        this.#retire(connection)
      }
    })
  }

  #lend({ use, account, askedMs }: Waiter, connection: Connection): void {
    const { metrics } = this.#telemetry
    const lease = this.#lease(connection, account)
    this.#telemetry.resume(account, () => {
      metrics?.connectionWait.observe((performance.now() - askedMs) / 1000)
      use(null, lease)
    })
  }

  #lease(connection: Connection, account: CpuAccount | undefined): Lease {
    const lease = new Lease(connection, {
      telemetry: this.#telemetry,
      durations: this.#durations,
      account,
      giveBack: this.#takeBack,
    })
    lease.place = this.#lent.push(lease) - 1
    return lease
  }

  readonly #takeBack = (lease: Lease): void => {
    if (!this.#forget(lease)) return
    const { connection } = lease
    if (connection.isBroken || this.#isClosing || this.#options.mode === 'per-request') {
      this.#retire(connection)
      return
    }
    const next = this.#waiting.shift()
    if (next === undefined) this.#idle.push(connection)
    else this.#lend(next, connection)
  }

  /** The last one takes its place; false: it is not lent any more. */
  #forget(lease: Lease): boolean {
    const { place } = lease
    if (this.#lent[place] !== lease) return false
    const last = this.#lent.pop()
    if (last !== undefined && last !== lease) {
      this.#lent[place] = last
      last.place = place
    }
    return true
  }

  /** Ends a connection; whoever waits may open another in its place, at once. */
  #retire(connection: Connection): void {
    if (!this.#all.delete(connection)) return
    const place = this.#idle.indexOf(connection)
    if (place >= 0) this.#idle.splice(place, 1)
    connection.end()
    const next = this.#waiting.shift()
    if (next !== undefined) this.#openFor(next)
  }

  #refuse(waiter: Waiter, error: ServiceError): void {
    this.#telemetry.resume(waiter.account, () => waiter.use(error, null))
  }

  #endLate(): void {
    const { waitLimitMs, hangLimitMs } = this.#options
    const nowMs = performance.now()
    for (
      let first = this.#waiting[0];
      first && first.askedMs + waitLimitMs < nowMs;
      first = this.#waiting[0]
    ) {
      this.#waiting.shift()
      this.#telemetry.metrics?.connectionTimeouts.inc()
      this.#refuse(first, new ServiceError('deadline_exceeded', 'no database connection became free in time'))
    }
    for (const { pendingSinceMs, connection } of this.#lent) {
      if (pendingSinceMs !== null && pendingSinceMs + hangLimitMs < nowMs) connection.cut()
    }
  }
}
