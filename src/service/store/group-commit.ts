import { AsyncLocalStorage } from 'node:async_hooks'
import { performance } from 'node:perf_hooks'
import type { Span } from '@opentelemetry/api'
import { currentRequest, type RequestAccount, shared } from '../../ledger/index.ts'
import type { Telemetry } from '../../telemetry/telemetry.ts'
import { startBatchSpan, startBatchWait } from '../../telemetry/tracing.ts'
import { ServiceError } from '../errors.ts'
import { BoundedQueue, type Waiting } from './bounded-queue.ts'
import type { Caller, Database } from './database.ts'
import { connectionFailed, isDataError, rowNotKept, toServiceError } from './database-errors.ts'
import type { Row, Session, Statement } from './session.ts'

const IDLE = 'IDLE'
const GATHERING = 'GATHERING'
const COMMITTING = 'COMMITTING'

/** A stored row; `position` is that of its text among those of the statement, from 1. */
export type StoredRow = Row & { readonly position: number }

/** How a batch is stored. Both return the rows that were stored. */
export interface BatchStatements {
  /**
   * Takes one text array. Positions tie rows to requests, because SQL promises nothing about the order of `RETURNING`.
   * Stores all rows or fails: if a trigger drops a row, the statement fails with a data error.
   */
  many: Statement
  /** Takes one text. One row needs no position, so a plain INSERT is enough, and a lone client waits less. */
  one: Statement
}

export interface GroupCommitOptions {
  database: Database
  telemetry: Telemetry
  table: string
  statements: BatchStatements
  /** Rows that may wait before more are refused. */
  queueLimit: number
  /** The same limit in characters, because a few thousand long rows would fill the memory. */
  queueLimitChars: number
  /** How long rows may wait for their batch. */
  deadlineMs: number
  /** Rows in one batch. It limits how many rows fail together, and how long a batch makes other rows wait. */
  maxBatchRows: number
  /** Characters in one batch, which is one parameter of one statement. */
  maxBatchChars: number
  /** How long rows that are not alone wait for more rows, unless the batch is full. 0: only while a batch runs. */
  lingerMs: number
}

/** The texts of one request: all of them are stored or none. `count` is their number, `weight` their characters. */
interface Unit<R> extends Waiting {
  readonly texts: readonly string[]
  readonly request: RequestAccount | undefined
  /** The wait of a traced request. */
  readonly wait: Span | null
  resolve(rows: readonly R[]): void
}

/**
 * Self-clocking group commit: the rows of many requests in one statement and one commit.
 *
 * Rows wait only while a batch is under way. Under load the next batch is what arrived during the last one, so there is
 * no delay to choose: the latency is that of one or two commits, and the cost of parsing, WAL flush and wake-up is
 * divided among the rows of the batch.
 *
 * It is always in one of these modes:
 *
 * - IDLE mode
 * - GATHERING mode
 * - COMMITTING mode
 *
 * ## IDLE mode
 *
 * The queue is empty and nothing is under way. When a row arrives:
 *
 * - if the row before it arrived in IDLE mode too, clients come one at a time: move to COMMITTING mode at once.
 * - otherwise more rows are likely to come: move to GATHERING mode.
 *
 * ## GATHERING mode
 *
 * Rows wait for others. Move to COMMITTING mode:
 *
 * - at the end of this iteration of the event loop, if `lingerMs` is 0 or the batch is full.
 * - otherwise when the oldest row has waited `lingerMs`.
 *
 * ## COMMITTING mode
 *
 * One batch is under way, and rows that arrive wait in the queue. When it has ended:
 *
 * - if no rows wait, move to IDLE mode.
 * - if the oldest row has not waited `lingerMs` and the batch is not full, move to GATHERING mode.
 * - otherwise send the next batch on the same connection, before the requests of the last one continue. If the
 *   connection was lost, move to GATHERING mode, which takes a new one.
 *
 * In any mode, rows leave the queue when their deadline passes or their client goes away.
 *
 * ## What it trades
 *
 * A row waits for the commit of its neighbours. A lost connection leaves the outcome of a whole batch unknown. If
 * PostgreSQL refuses a row, the batch is halved until the bad unit stands alone, so that its neighbours are stored.
 *
 * The faster the service answers, the smaller the batches are and the more a row costs. `lingerMs` makes rows cheaper
 * and slower, as Kafka's `linger.ms` does. It suits clients that send rows without waiting for earlier answers.
 */
export class GroupCommit<R extends StoredRow> {
  readonly #options: GroupCommitOptions
  readonly #queue: BoundedQueue<Unit<R>>
  /** A batch works for many requests, so it must not run in the context of the one that happened to start it. */
  readonly #outsideRequests = AsyncLocalStorage.snapshot()
  #mode: typeof IDLE | typeof GATHERING | typeof COMMITTING = IDLE
  #isLastAlone = true
  #lingerTimer: NodeJS.Timeout | undefined

  constructor(options: GroupCommitOptions) {
    this.#options = options
    this.#queue = new BoundedQueue({
      limit: options.queueLimit,
      weightLimit: options.queueLimitChars,
      deadlineMs: options.deadlineMs,
      turn: 'a batch',
    })
  }

  get queuedRows(): number {
    return this.#queue.count
  }

  /**
   * Resolves to the stored rows in the order of the texts, after they are durable.
   * @throws {ServiceError} None of the texts is stored then, unless the code is `outcome_unknown`.
   */
  add(texts: readonly string[], { isCancelled }: Caller = {}): Promise<readonly R[]> {
    return new Promise((resolve, reject) => {
      const wait = startBatchWait()
      const refuse = (error: ServiceError) => {
        if (wait?.isRecording()) wait.end()
        reject(error)
      }
      try {
        this.#queue.push({
          texts,
          count: texts.length,
          weight: texts.reduce((chars, text) => chars + text.length, 0),
          sinceMs: performance.now(),
          isCancelled,
          request: currentRequest(),
          wait,
          resolve,
          refuse,
        })
      } catch (error) {
        this.#options.telemetry.metrics?.requestsRejected.inc({ reason: 'batch_queue' })
        refuse(error as ServiceError)
        return
      }
      const isAlone = this.#mode === IDLE
      if (isAlone && this.#isLastAlone) this.#startCommitting()
      else if (this.#mode !== COMMITTING) this.#gather()
      this.#isLastAlone = isAlone
    })
  }

  /** Call it when no more units can come. */
  close(): void {
    this.#queue.close()
  }

  /** Moves to GATHERING mode. In GATHERING mode: ends it early if the batch has become full. */
  #gather(): void {
    const lingersMs = this.#lingersMs()
    if (this.#mode === GATHERING) {
      if (this.#lingerTimer === undefined || lingersMs > 0) return
      clearTimeout(this.#lingerTimer)
    }
    this.#mode = GATHERING
    if (lingersMs > 0) {
      // Rounded up, because timers cut fractions off.
      this.#lingerTimer = setTimeout(() => this.#startCommitting(), Math.ceil(lingersMs))
    } else {
      this.#lingerTimer = undefined
      setImmediate(() => this.#startCommitting())
    }
  }

  /** How much longer the oldest row waits for others. */
  #lingersMs(): number {
    const { lingerMs, maxBatchRows, maxBatchChars } = this.#options
    const { first, count, weight } = this.#queue
    if (lingerMs === 0 || first === undefined || count >= maxBatchRows || weight >= maxBatchChars) return 0
    return first.sinceMs + lingerMs - performance.now()
  }

  /** Moves to COMMITTING mode. The CPU of taking the connection is charged to the request that causes the move. */
  #startCommitting(): void {
    this.#mode = COMMITTING
    const acquiring = this.#options.database.acquire()
    this.#outsideRequests(() => void this.#commitBatches(acquiring))
  }

  /** COMMITTING mode, from its beginning to its end. Never rejects. */
  async #commitBatches(acquiring: Promise<Session>): Promise<void> {
    try {
      const session = await acquiring
      try {
        await this.#commitOn(session)
      } finally {
        session.release()
      }
    } catch (error) {
      for (const unit of this.#takeBatch()) unit.refuse(toServiceError(error, { mayBeDurable: false }))
    }
    this.#mode = IDLE
    if (this.#queue.count > 0) this.#gather()
  }

  /** Sends batch after batch, until none is due or the connection is lost. */
  async #commitOn(session: Session): Promise<void> {
    let batch = this.#takeBatch()
    while (batch.length > 0) {
      const outcome = await this.#store(session, batch)
      if (outcome instanceof ServiceError) await this.#handleFailure(session, batch, outcome)
      else answer(batch, outcome)
      // Nothing is awaited between an answer and the next batch, so PostgreSQL works while the requests continue.
      batch = session.isBroken || this.#lingersMs() > 0 ? [] : this.#takeBatch()
    }
  }

  /** Takes waiting units up to the size of a batch. */
  #takeBatch(): Unit<R>[] {
    const { maxBatchRows, maxBatchChars } = this.#options
    const units: Unit<R>[] = []
    let rows = 0
    let chars = 0
    const fits = (unit: Unit<R>) =>
      rows === 0 || (rows + unit.count <= maxBatchRows && chars + unit.weight <= maxBatchChars)
    for (let unit = this.#queue.take(fits); unit !== undefined; unit = this.#queue.take(fits)) {
      units.push(unit)
      rows += unit.count
      chars += unit.weight
    }
    return units
  }

  /** Sends a batch. Resolves to the rows by their position, or to the reason why none of them is stored. */
  #store(session: Session, batch: readonly Unit<R>[]): Promise<readonly (R | undefined)[] | ServiceError> {
    const { telemetry, table, statements } = this.#options
    const texts = batch.flatMap(unit => unit.texts)
    telemetry.metrics?.insertBatchRows.series(table).observe(texts.length)
    const waits: Span[] = []
    for (const { wait } of batch) {
      if (wait === null) continue
      // If this is half of a failed batch, the wait has already ended.
      if (wait.isRecording()) wait.end()
      waits.push(wait)
    }
    const span = startBatchSpan(waits, table, texts.length)
    const statement =
      texts.length === 1 ? { ...statements.one, values: texts } : { ...statements.many, values: [texts] }
    const query = () => session.query<R>({ ...statement, commits: true })
    const shares = batch.map(({ request, count }) => ({ request, weight: count }))
    return shared(shares, async () => {
      try {
        const rows = await (span === null ? query() : span.run(query))
        span?.end(null)
        const byPosition = new Array<R | undefined>(texts.length).fill(undefined)
        for (const row of rows) byPosition[row.position - 1] = row
        return byPosition
      } catch (error) {
        span?.end(error as ServiceError)
        return error as ServiceError
      }
    })
  }

  /** Refuses a batch that failed. If one of its rows was bad, the others are sent again. */
  async #handleFailure(session: Session, batch: readonly Unit<R>[], error: ServiceError): Promise<void> {
    if (!isDataError(error) || batch.length === 1) {
      for (const unit of batch) unit.refuse(error)
      return
    }
    const middle = Math.ceil(batch.length / 2)
    for (const half of [batch.slice(0, middle), batch.slice(middle)]) {
      const units = half.filter(unit => !this.#queue.refuseIfDue(unit))
      if (units.length === 0) continue
      const outcome = session.isBroken ? connectionFailed() : await this.#store(session, units)
      if (outcome instanceof ServiceError) await this.#handleFailure(session, units, outcome)
      else answer(units, outcome)
    }
  }
}

function answer<R>(batch: readonly Unit<R>[], rows: readonly (R | undefined)[]): void {
  let start = 0
  for (const unit of batch) {
    const own = rows.slice(start, start + unit.count)
    start += unit.count
    if (own.every(row => row !== undefined)) unit.resolve(own)
    else unit.refuse(rowNotKept())
  }
}
