import { performance } from 'node:perf_hooks'
import type pg from 'pg'
import type { CpuAccount, Telemetry } from '../../../telemetry/old-store-shims.ts'
import { ServiceError } from '../../errors.ts'
import { Connection } from '../connection.ts'
import { isConnectionLost, toServiceError } from '../database-errors.ts'
import { RowsQuery, type Statement } from '../rows-query.ts'
import type { Inserted, InsertStrategy } from './insert-strategy.ts'

const insert = { name: 'insert_text', text: 'INSERT INTO simple_text (text) VALUES ($1) RETURNING id' }

/**
 * Statements on their way on one connection. `pg` sends whatever it is given, so without a cap of our own a
 * burst would sit in the sockets' buffers, where it can neither be refused nor timed out.
 */
const maxInFlight = 64

export interface PipelinedOptions {
  client: pg.ClientConfig
  telemetry: Telemetry
  /** More than a few bring no more throughput and cost PostgreSQL a process each. */
  connections: number
  queueLimit: number
  /** How long a request may wait for a connection. */
  deadlineMs: number
  /** A connection that owes an answer for longer is cut. */
  hangLimitMs: number
}

interface Unit {
  readonly texts: readonly string[]
  readonly inserted: Inserted
  readonly isCancelled: (() => boolean) | undefined
  readonly account: CpuAccount | undefined
  readonly deadlineMs: number
}

interface Lane {
  readonly connection: Connection
  isOpen: boolean
  /**
   * The server knows the statement by its name. Until it does, one unit at a time: those sent behind one
   * whose parsing fails (it may wait for a lock, and too long) would name a statement that does not exist.
   */
  isPrepared: boolean
  /** When each statement that is not answered was sent, the oldest first. */
  readonly sentMs: number[]
}

/** How often waits and connections that do not answer are looked for. */
const sweepMs = 250

/**
 * `pipelined`: a statement a row, as `prepared`, but sent without waiting for the answers to those before it
 * on the same connection. It saves the wake-ups of both sides and needs few connections; each row is still
 * parsed, committed and flushed by itself. A connection that breaks takes all that was on it into the
 * unknown, and one slow statement holds up those behind it.
 */
export class Pipelined implements InsertStrategy {
  readonly #options: PipelinedOptions
  readonly #lanes: Lane[] = []
  readonly #sweep: NodeJS.Timeout
  #waiting: Unit[] = []
  #isClosed = false

  constructor(options: PipelinedOptions) {
    this.#options = options
    this.#sweep = setInterval(() => this.#endLate(), sweepMs).unref()
  }

  insert(texts: readonly string[], inserted: Inserted, isCancelled?: () => boolean): void {
    const { telemetry, connections, queueLimit, deadlineMs } = this.#options
    if (this.#waiting.length >= queueLimit) {
      telemetry.metrics?.requestsRejected.inc({ reason: 'pipeline_queue' })
      inserted(new ServiceError('overloaded', 'too many requests wait for a pipelined connection'), [])
      return
    }
    this.#waiting.push({
      texts,
      inserted,
      isCancelled,
      account: telemetry.ledger.current,
      deadlineMs: performance.now() + deadlineMs,
    })
    if (this.#lanes.length < connections) this.#openLane()
    this.#sendWaiting()
    telemetry.ledger.enter(undefined)
  }

  /** Call it when no request is open any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#sweep)
    const all = this.#lanes.map(({ connection }) => connection)
    for (const connection of all) connection.end()
    await Promise.all(all.map(({ ended }) => ended))
  }

  #openLane(): void {
    const { client, telemetry, deadlineMs } = this.#options
    const config = { ...client, connectionTimeoutMillis: deadlineMs, pipeline: true }
    const connection: Connection = new Connection(config, telemetry, () => this.#drop(lane))
    const lane: Lane = { connection, isOpen: false, isPrepared: false, sentMs: [] }
    this.#lanes.push(lane)
    connection.open(error => {
      if (error === null) {
        lane.isOpen = true
        this.#sendWaiting()
      } else {
        this.#drop(lane)
        if (this.#lanes.length === 0) this.#failWaiting(error)
      }
    })
  }

  /** Takes a lost connection out of use. Who still waits has nothing on it and gets another. */
  #drop(lane: Lane): void {
    const index = this.#lanes.indexOf(lane)
    if (index < 0) return
    this.#lanes.splice(index, 1)
    lane.connection.end()
    if (lane.isOpen && this.#waiting.length > 0 && !this.#isClosed) this.#openLane()
  }

  /** Each waiting unit goes to the connection with the fewest statements on their way. */
  #sendWaiting(): void {
    while (this.#waiting.length > 0) {
      const lane = this.#lanes
        .filter(each => each.isOpen && each.sentMs.length < (each.isPrepared ? maxInFlight : 1))
        .reduce<Lane | undefined>((a, b) => (a && a.sentMs.length <= b.sentMs.length ? a : b), undefined)
      if (lane === undefined) return
      const unit = this.#waiting.shift()
      if (unit === undefined) return
      if (unit.isCancelled?.()) this.#refuse(unit, new ServiceError('client_gone', 'the client disconnected'))
      else this.#options.telemetry.resume(unit.account, () => this.#send(lane, unit))
    }
  }

  /** A lone row commits by itself. Several lie between BEGIN and COMMIT, sent in one go, so nothing comes between. */
  #send(lane: Lane, unit: Unit): void {
    const { telemetry } = this.#options
    const inserts: Statement[] = unit.texts.map(text => ({ ...insert, values: [text] }))
    const statements = inserts.length === 1 ? inserts : [{ text: 'BEGIN' }, ...inserts, { text: 'COMMIT' }]
    const ids: number[] = []
    let failure: ServiceError | null = null
    let answered = 0
    const sentMs = performance.now()
    for (const statement of statements) {
      lane.sentMs.push(sentMs)
      const query = new RowsQuery(statement, (error, rows) => {
        lane.sentMs.shift()
        answered += 1
        // The first failure tells the reason; those behind it only that the transaction is aborted. Where the
        // connection is the reason, the COMMIT has been sent all the same.
        if (error) {
          failure ??= toServiceError(error, { mayBeDurable: true })
          if (isConnectionLost(failure)) this.#drop(lane)
        } else for (const row of rows) ids.push(row[0] as number)
        lane.isPrepared ||= ids.length > 0
        if (answered < statements.length) return
        telemetry.resume(unit.account, () => unit.inserted(failure, failure === null ? ids : []))
        this.#sendWaiting()
      })
      lane.connection.client.query(query)
    }
    telemetry.ledger.enter(undefined)
  }

  #endLate(): void {
    const { deadlineMs, hangLimitMs } = this.#options
    const nowMs = performance.now()
    for (let first = this.#waiting[0]; first && first.deadlineMs < nowMs; first = this.#waiting[0]) {
      this.#waiting.shift()
      this.#refuse(
        first,
        new ServiceError('deadline_exceeded', `no connection became free in ${deadlineMs} ms`),
      )
    }
    for (const { connection, sentMs } of this.#lanes) {
      if (sentMs[0] !== undefined && sentMs[0] + hangLimitMs < nowMs) connection.cut()
    }
  }

  #refuse({ account, inserted }: Unit, error: ServiceError): void {
    this.#options.telemetry.resume(account, () => inserted(error, []))
  }

  #failWaiting(cause: Error): void {
    const waiting = this.#waiting
    this.#waiting = []
    const error = new ServiceError('database_unavailable', 'the database connection failed', { cause })
    for (const unit of waiting) this.#refuse(unit, error)
  }
}
