import { performance } from 'node:perf_hooks'
import type { Readable } from 'node:stream'
import pg from 'pg'
import { type PoolCounts, registerPool } from '../../telemetry/metrics.ts'
import type { Telemetry } from '../../telemetry/telemetry.ts'
import { ServiceError } from '../errors.ts'
import { BoundedQueue, sweepMs, type Waiting } from './bounded-queue.ts'
import { CuttableClient, type LentClient } from './cuttable-client.ts'
import { connectionFailed, toServiceError } from './database-errors.ts'
import { Reconnection } from './reconnection.ts'
import { type Row, Session, type Statement } from './session.ts'

export interface DatabaseOptions {
  client: pg.ClientConfig
  /** `per-request` opens a connection for each request and closes it, which shows what that costs. */
  mode: 'pool' | 'per-request'
  /** Connections of the pool. */
  size: number
  /** Requests that may wait for a connection before more are refused. */
  queueLimit: number
  /** How long a request may wait for a connection, and how long opening one may take. */
  waitLimitMs: number
  /** A connection without an answer for longer is cut. PostgreSQL should have ended the statement before. */
  hangLimitMs: number
  /** A connection that was unused for this long is closed. 0: never. */
  idleTimeoutMs: number
  telemetry: Telemetry
}

/** Who asks for a connection. Its client may go away before there is one. */
export interface Caller {
  /** Whether nobody waits for the result any more. Then the statement is not sent. */
  isCancelled?: (() => boolean) | undefined
}

/**
 * When the first keep-alive probe of an idle connection is sent. Firewalls drop connections that are idle for some
 * minutes. A statement on such a connection would get no answer.
 */
const keepAliveDelayMs = 10_000

/**
 * The service's access to PostgreSQL: a `pg.Pool` with a bounded queue before it. A statement always runs on a
 * connection that its own request has taken, so each statement's trace and CPU belong to the right request.
 */
export class Database {
  readonly #options: DatabaseOptions
  readonly #pool: pg.Pool
  readonly #clients = new Set<CuttableClient>()
  readonly #waiting: BoundedQueue<Waiting & { grant: () => void }>
  readonly #reconnection: Reconnection
  /** Connections that are lent or being opened. */
  #used = 0
  readonly #sweep: NodeJS.Timeout

  constructor(options: DatabaseOptions) {
    this.#options = options
    const { client, mode, size, queueLimit, waitLimitMs, idleTimeoutMs, telemetry } = options
    const { metrics } = telemetry
    const kept = { ...client, keepAlive: true, keepAliveInitialDelayMillis: keepAliveDelayMs }
    this.#waiting = new BoundedQueue({
      limit: queueLimit,
      deadlineMs: waitLimitMs,
      turn: 'a database connection',
    })
    this.#pool = new pg.Pool({
      Client: class extends CuttableClient {
        constructor() {
          super(kept)
        }
      },
      connectionTimeoutMillis: waitLimitMs,
      idleTimeoutMillis: idleTimeoutMs,
      ...(mode === 'pool' ? { max: size } : { max: Infinity, maxUses: 1 }),
    })
    this.#pool.on('connect', connected => {
      this.#clients.add(own(connected))
      // If a connection in use breaks, its statement fails, so this event needs no handling.
      connected.on('error', () => {})
    })
    this.#pool.on('remove', removed => this.#clients.delete(own(removed)))
    // An idle connection has broken. The pool has removed it already.
    this.#pool.on('error', () => {})
    this.#reconnection = new Reconnection({
      open: async () => (await this.#pool.connect()).release(),
      failed: error => {
        for (let next = this.#waiting.take(); next !== undefined; next = this.#waiting.take()) {
          next.refuse(connectionFailed(error))
        }
      },
    })
    this.#sweep = setInterval(() => this.#cutHanging(), sweepMs).unref()
    if (metrics !== null) registerPool(metrics, () => this.counts())
  }

  counts(): PoolCounts {
    return {
      max: this.#options.size,
      idle: this.#pool.idleCount,
      used: this.#used,
      pending: this.#waiting.count,
    }
  }

  /**
   * Lends a connection until `release` is called.
   * @throws {ServiceError} overloaded, deadline_exceeded, client_gone, database_unavailable
   */
  async acquire({ isCancelled }: Caller = {}): Promise<Session> {
    const { mode, size, hangLimitMs, telemetry } = this.#options
    const askedMs = performance.now()
    if (mode === 'pool' && this.#used >= size) await this.#turn(askedMs, isCancelled)
    else this.#used += 1
    try {
      const client = await this.#connect()
      telemetry.metrics?.connectionWait.observe((performance.now() - askedMs) / 1000)
      const session = new Session(client, { hangLimitMs, telemetry, released: () => this.#free() })
      if (isCancelled?.()) {
        session.release()
        throw new ServiceError('client_gone', 'the client disconnected')
      }
      return session
    } catch (error) {
      if (!(error instanceof ServiceError)) this.#free()
      throw toServiceError(error, { mayBeDurable: false })
    }
  }

  /** Runs one statement on a connection of its own. */
  async query<R extends Row>(statement: Statement, caller?: Caller): Promise<readonly R[]> {
    const session = await this.acquire(caller)
    try {
      return await session.query<R>(statement)
    } finally {
      session.release()
    }
  }

  /**
   * Streams rows into `COPY … FROM STDIN`, in a transaction. It may last as long as its source does; only the wait for
   * a lock is limited.
   * @returns how many rows were stored. A trigger may have dropped some.
   */
  async copy(
    sql: string,
    rows: Readable,
    { lockLimitMs, ...caller }: Caller & { lockLimitMs: number },
  ): Promise<number> {
    const session = await this.acquire(caller)
    try {
      return await session.transaction(() => session.copy(sql, rows), {
        settings: { statement_timeout: 0, lock_timeout: lockLimitMs },
      })
    } finally {
      session.release()
    }
  }

  /** Waits until lent connections are back, then closes all. */
  async close(): Promise<void> {
    await this.#pool.end()
    this.#waiting.close()
    clearInterval(this.#sweep)
  }

  async #connect(): Promise<LentClient> {
    await this.#reconnection.untilUp()
    try {
      return own(await this.#pool.connect())
    } catch (error) {
      if (this.#options.mode === 'pool' && this.#clients.size === 0) this.#reconnection.noteDown()
      throw error
    }
  }

  /** Waits until another request gives its connection back. */
  #turn(sinceMs: number, isCancelled: Caller['isCancelled']): Promise<void> {
    const { metrics } = this.#options.telemetry
    return new Promise((grant, reject) => {
      const refuse = (error: ServiceError) => {
        if (error.code === 'deadline_exceeded') metrics?.connectionTimeouts.inc()
        reject(error)
      }
      try {
        this.#waiting.push({ count: 1, weight: 0, sinceMs, isCancelled, grant, refuse })
      } catch (error) {
        metrics?.requestsRejected.inc({ reason: 'connection_queue' })
        reject(error)
      }
    })
  }

  #free(): void {
    const next = this.#waiting.take()
    if (next === undefined) this.#used -= 1
    else next.grant()
  }

  #cutHanging(): void {
    const lateMs = performance.now() - this.#options.hangLimitMs
    for (const client of this.#clients) {
      if (client.pendingSinceMs !== null && client.pendingSinceMs < lateMs) client.cut()
    }
  }
}

/** The pool makes its clients from `CuttableClient`, but its types do not say so. */
function own(client: pg.PoolClient): LentClient {
  return client as unknown as LentClient
}
