import { performance } from 'node:perf_hooks'
import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import pg from 'pg'
import type { CpuAccount } from '../../telemetry/cpu-ledger.ts'
import { type PoolCounts, registerPool } from '../../telemetry/metrics.ts'
import { isSampled, type Telemetry } from '../../telemetry/telemetry.ts'
import { ServiceError } from '../errors.ts'
import { toServiceError } from './database-errors.ts'
import { Lease, type PutBack, watchSocket } from './lease.ts'
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
 * Connections to PostgreSQL, lent to one request at a time: from a pool, or (to reproduce what that costs)
 * opened and closed for each.
 *
 * `pg`'s pool opens and keeps the connections; who waits for one is known here. That allows what the pool
 * does not: a bound on the queue, handing a connection from one request straight to the next, and time
 * limits by one sweep instead of timers of their own. A timer for each statement (`query_timeout`) was
 * measured to cost a third of the throughput, because a cleared timer keeps what it closed over alive past
 * the young generation. The price is a limit that is exact to the sweep's period.
 *
 * A query is always sent on a connection that its own request holds, in its own trace context: `pool.query`
 * would run a queued query in the context of whoever gave the connection back.
 */
export class Connections {
  readonly #options: ConnectionsOptions
  readonly #telemetry: Telemetry
  readonly #pool: pg.Pool
  /**
   * In no order. Not a Map or a Set: V8 copies the table of one after every few dozen changes, that of an old one into
   * the old generation, where each dead copy keeps the leases that it held, and all behind them, until the next major
   * collection (figures: `README.md`, "Memory").
   */
  readonly #lent: Lease[] = []
  readonly #waiting: Waiter[] = []
  readonly #sweep: NodeJS.Timeout
  /** Lent, or being opened for somebody. */
  #busy = 0

  constructor(options: ConnectionsOptions) {
    this.#options = options
    this.#telemetry = options.telemetry
    this.#pool = new pg.Pool({
      ...options.client,
      max: options.size,
      // A pool that shrinks pays for new connections in the middle of the next burst.
      idleTimeoutMillis: 0,
      Client: clientWithTimeout(options.waitLimitMs) as unknown as NonNullable<pg.PoolConfig['Client']>,
    })
    this.#pool.on('connect', client => {
      watchSocket(client, this.#telemetry)
      // Whoever uses a connection that breaks hears of it from the query. Besides, the client emits the error,
      // which would end the process if nobody listened; the pool itself listens only while it is not lent.
      client.on('error', () => {})
    })
    // An idle connection that breaks is replaced at the next use.
    this.#pool.on('error', () => {})
    this.#sweep = setInterval(() => this.#endLate(), sweepMs).unref()
    if (this.#telemetry.metrics !== null) registerPool(this.#telemetry.metrics, () => this.counts())
  }

  counts(): PoolCounts {
    return {
      max: this.#options.size,
      idle: this.#pool.idleCount,
      used: this.#lent.length,
      pending: this.#waiting.length,
    }
  }

  /**
   * Lends a connection for as long as `use` does not release it. The request that asks is the one that goes
   * on in `use`.
   */
  acquire(use: UseLease): void {
    const { metrics, ledger } = this.#telemetry
    const waiter: Waiter = { use, account: ledger.current, askedMs: performance.now() }
    if (this.#options.mode === 'per-request' || this.#busy < this.#options.size) {
      this.#openFor(waiter)
    } else if (this.#waiting.length < this.#options.queueLimit) {
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

  /** Waits until lent connections are back. */
  async close(): Promise<void> {
    await this.#pool.end()
    clearInterval(this.#sweep)
  }

  #openFor(waiter: Waiter): void {
    this.#busy += 1
    const opened: Opened = (error, client, release) => {
      if (error === undefined && client !== undefined) {
        this.#lend(waiter, client, release)
      } else {
        this.#busy -= 1
        this.#refuse(waiter, toServiceError(error, { mayBeDurable: false }))
        this.#serveNext()
      }
    }
    const open = () => (this.#options.mode === 'pool' ? this.#pool.connect(opened) : this.#openAlone(opened))
    // A connection opened in a sampled request's context would keep that context for all that it ever reads.
    if (isSampled(this.#telemetry.scope)) context.with(ROOT_CONTEXT, open)
    else open()
  }

  #openAlone(opened: Opened): void {
    const client = new pg.Client({
      ...this.#options.client,
      connectionTimeoutMillis: this.#options.waitLimitMs,
    })
    client.on('error', () => {})
    client.connect((error: Error | null) => {
      if (error) {
        client.end(() => {})
        opened(error, undefined, () => {})
      } else {
        watchSocket(client, this.#telemetry)
        opened(undefined, client, () => client.end(() => {}))
      }
    })
  }

  #lend(waiter: Waiter, client: pg.Client, putBack: PutBack): void {
    const telemetry = this.#telemetry
    const { account } = waiter
    const lease = new Lease(client, { telemetry, account, putBack, giveBack: this.#takeBack })
    lease.place = this.#lent.push(lease) - 1
    telemetry.resume(account, () => {
      telemetry.metrics?.connectionWait.observe((performance.now() - waiter.askedMs) / 1000)
      waiter.use(null, lease)
    })
  }

  readonly #takeBack = (lease: Lease): void => {
    if (!this.#forget(lease)) return
    const next = lease.isBroken || this.#options.mode === 'per-request' ? undefined : this.#waiting.shift()
    if (next !== undefined) {
      this.#lend(next, lease.client, lease.putBack)
    } else {
      lease.putBack(lease.isBroken)
      this.#busy -= 1
      this.#serveNext()
    }
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

  #serveNext(): void {
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
    for (const lease of this.#lent) {
      if (lease.pendingSinceMs !== null && lease.pendingSinceMs + hangLimitMs < nowMs) lease.cut()
    }
  }
}

type Opened = (error: Error | undefined, client: pg.Client | undefined, putBack: PutBack) => void

/**
 * The pool passes its options on to its clients, but reads this one itself too, as a timer for each request
 * that asks for a connection.
 */
function clientWithTimeout(connectionTimeoutMillis: number) {
  return class extends pg.Client {
    constructor(config: pg.ClientConfig) {
      super({ ...config, connectionTimeoutMillis })
    }
  }
}
