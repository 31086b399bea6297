import { performance } from 'node:perf_hooks'
import type { Span } from '@opentelemetry/api'
import {
  type BatchSpan,
  type RequestScope,
  type Series,
  SharedCpuAccount,
  startBatchSpan,
  startBatchWait,
  type Telemetry,
} from '../../telemetry/old-store-shims.ts'
import { ServiceError } from '../errors.ts'
import type { Connections, UseLease } from './connections.ts'
import { isDataError } from './database-errors.ts'
import type { Lease } from './lease.ts'
import type { Row } from './rows-query.ts'

/** How often requests that waited too long are looked for. */
const deadlineSweepMs = 250

/** How a batch is stored. The rows that come back begin with the position of their text, from 1. */
export interface BatchStatements {
  /**
   * Takes one text array. Positions and not the order of `RETURNING` tie results to requests, because SQL
   * promises nothing about that order.
   */
  many: { name: string; text: string }
  /** Takes one text. With nothing to tell apart a plain INSERT will do, and a lone client waits for less. */
  one: { name: string; text: string }
}

export interface GroupCommitOptions {
  connections: Connections
  telemetry: Telemetry
  table: string
  statements: BatchStatements
  /** Rows that may wait before more are refused. */
  queueLimit: number
  /** The same for their characters: a few thousand rows may be short or fill any memory. */
  queueLimitChars: number
  /** How long rows may wait for their batch. */
  deadlineMs: number
  /** Rows in one batch; bounds what a failed batch takes down and how long one keeps the others waiting. */
  maxBatchRows: number
  /** Characters in one batch, which is one parameter of one statement. */
  maxBatchChars: number
  /** Batches on their way at the same time. */
  lanes: number
  /**
   * How long a row waits for company where it, or the last one before it, has some, unless its batch is full; 0: no
   * longer than the last batch takes.
   */
  lingerMs: number
}

/** Gets the rows of one unit in the order of its texts, after they are durable. */
export type Committed = (error: Error | null, rows: readonly Row[]) => void

/** What one request wants stored: all of it or nothing. */
interface Unit {
  readonly texts: readonly string[]
  readonly chars: number
  readonly committed: Committed
  readonly isCancelled: (() => boolean) | undefined
  readonly scope: RequestScope | null
  /** The wait of a sampled request. */
  readonly wait: Span | null
  readonly arrivedMs: number
}

interface Batch {
  readonly units: readonly Unit[]
  readonly rows: number
  readonly account: SharedCpuAccount
  readonly span: BatchSpan | null
}

/**
 * Self-clocking group commit: rows wait only while a batch is on its way. The first row after a pause goes out at
 * once where the last one had no company, and otherwise at the end of the event loop's iteration, with whatever
 * arrived in the same one; under load the next batch is what arrived during the last. So there is no timer to tune:
 * latency stays that of one or two commits, and the cost of parsing, planning, WAL flush and wake-up is divided by the
 * batch.
 *
 * The better the service keeps up, the smaller its batches are and the more each row costs. `lingerMs` trades the other
 * way, as Kafka's `linger.ms`: a batch goes out when it is full or its oldest row has waited so long, unless the last
 * batch took longer. It suits rows that arrive whether or not others are answered; clients that wait for their answer
 * send less.
 *
 * What it trades: a row waits for its neighbours' commit; a lost connection leaves a whole batch's outcome
 * unknown, not one row's. A row that PostgreSQL refuses does not fail its neighbours: the batch is halved
 * until the guilty unit stands alone, at the price of some more statements.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions
  readonly #batchRows: Series | undefined
  #queue: Unit[] = []
  #queuedRows = 0
  #queuedChars = 0
  #busyLanes = 0
  #isFlushScheduled = false
  /** The scheduled flush, where it waits for more rows. */
  #linger: NodeJS.Timeout | undefined
  /** The last unit came while another one waited or was on its way: then gathering pays for the loop's turn. */
  #hasCompany = false
  readonly #sweep: NodeJS.Timeout

  constructor(options: GroupCommitOptions) {
    this.#options = options
    this.#batchRows = options.telemetry.metrics?.insertBatchRows.series(options.table)
    this.#sweep = setInterval(() => this.#failLate(), deadlineSweepMs).unref()
  }

  get queuedRows(): number {
    return this.#queuedRows
  }

  /** @param isCancelled asked when the unit's turn comes; true: nobody waits for it, do not store it. */
  add(texts: readonly string[], committed: Committed, isCancelled?: () => boolean): void {
    const { telemetry, queueLimit, queueLimitChars } = this.#options
    const chars = charsOf(texts)
    if (this.#queuedRows + texts.length > queueLimit || this.#queuedChars + chars > queueLimitChars) {
      telemetry.metrics?.requestsRejected.inc({ reason: 'batch_queue' })
      committed(new ServiceError('overloaded', 'too many rows wait for a batch'), [])
      return
    }
    const { scope } = telemetry
    const unit: Unit = {
      texts,
      chars,
      committed,
      isCancelled,
      scope,
      wait: scope?.span === undefined ? null : startBatchWait(scope),
      arrivedMs: performance.now(),
    }
    this.#queue.push(unit)
    this.#count(unit, 1)
    const isAlone = this.#busyLanes === 0 && !this.#isFlushScheduled
    if (isAlone && !this.#hasCompany) this.#openLane()
    else this.#scheduleFlush()
    this.#hasCompany = !isAlone
    // The request waits now.
    telemetry.ledger.enter(undefined)
  }

  /** Call it when no more units can come; those on their way are answered all the same. */
  close(): void {
    clearInterval(this.#sweep)
  }

  #scheduleFlush(): void {
    if (this.#busyLanes >= this.#options.lanes) return
    const lingersMs = this.#lingersMs()
    if (this.#isFlushScheduled) {
      if (this.#linger === undefined || lingersMs > 0) return
      // It has become full before its time.
      clearTimeout(this.#linger)
    }
    this.#isFlushScheduled = true
    if (lingersMs > 0) {
      // Rounded up, because timers cut fractions off.
      this.#linger = setTimeout(this.#flush, Math.ceil(lingersMs))
    } else {
      this.#linger = undefined
      setImmediate(this.#flush)
    }
  }

  readonly #flush = (): void => {
    this.#isFlushScheduled = false
    this.#linger = undefined
    this.#openLane()
  }

  /** How much longer the oldest row waits for company. */
  #lingersMs(): number {
    const { lingerMs, maxBatchRows, maxBatchChars } = this.#options
    const oldest = this.#queue[0]
    if (lingerMs === 0 || oldest === undefined) return 0
    if (this.#queuedRows >= maxBatchRows || this.#queuedChars >= maxBatchChars) return 0
    return oldest.arrivedMs + lingerMs - performance.now()
  }

  #openLane(): void {
    const { connections, telemetry } = this.#options
    const batch = this.#nextBatch()
    if (batch === null) return
    this.#busyLanes += 1
    const send: UseLease = (error, lease) => {
      if (error === null) {
        this.#send(lease, batch)
      } else {
        this.#busyLanes -= 1
        this.#fail(batch, error)
        if (this.#queue.length > 0) this.#scheduleFlush()
      }
    }
    telemetry.resume(batch.account, () => connections.acquire(send))
  }

  /** The next batch goes out before the last one is answered, so that PostgreSQL works while we answer. */
  #send(lease: Lease, batch: Batch): void {
    this.#execute(lease, batch, (error, rows) => {
      if (error !== null && isDataError(error) && batch.units.length > 1) {
        this.#sendHalves(lease, batch)
        return
      }
      this.#continue(lease)
      if (error === null) this.#answer(batch, rows)
      else this.#fail(batch, error)
    })
  }

  /** One unit of the batch is bad: whichever half holds it is halved again. */
  #sendHalves(lease: Lease, batch: Batch): void {
    batch.span?.end(null)
    const middle = Math.ceil(batch.units.length / 2)
    const second = batch.units.slice(middle)
    const first = this.#batchOf(batch.units.slice(0, middle))
    this.#options.telemetry.ledger.close(batch.account)
    this.#queue.unshift(...second)
    for (const unit of second) this.#count(unit, 1)
    lease.chargeTo(first.account)
    this.#options.telemetry.resume(first.account, () => this.#send(lease, first))
  }

  #execute(lease: Lease, batch: Batch, done: (error: Error | null, rows: readonly Row[]) => void): void {
    const { one, many } = this.#options.statements
    const texts = batch.units.flatMap(unit => unit.texts)
    const statement = batch.rows === 1 ? { ...one, values: texts } : { ...many, values: [texts] }
    const query = () =>
      lease.query({ ...statement, commits: true }, (error, rows) => {
        batch.span?.end(error)
        done(error, rows)
      })
    if (batch.span === null) query()
    else batch.span.run(query)
  }

  /** The lane goes on with what has arrived meanwhile, on the same connection, or gives it back. */
  #continue(lease: Lease): void {
    const { telemetry } = this.#options
    const batch = lease.isBroken || this.#lingersMs() > 0 ? null : this.#nextBatch()
    if (batch === null) {
      this.#busyLanes -= 1
      lease.release()
      if (this.#queue.length > 0) this.#scheduleFlush()
    } else {
      lease.chargeTo(batch.account)
      telemetry.resume(batch.account, () => this.#send(lease, batch))
    }
  }

  #answer(batch: Batch, rows: readonly Row[]): void {
    const { telemetry } = this.#options
    const inOrder = new Array<Row>(batch.rows)
    for (const row of rows) inOrder[(row[0] as number) - 1] = row
    let start = 0
    for (const unit of batch.units) {
      const end = start + unit.texts.length
      const own = inOrder.slice(start, end)
      start = end
      telemetry.resume(unit.scope ?? undefined, () => unit.committed(null, own))
    }
    telemetry.ledger.close(batch.account)
  }

  #fail(batch: Batch, error: Error): void {
    const { telemetry } = this.#options
    for (const unit of batch.units) {
      telemetry.resume(unit.scope ?? undefined, () => unit.committed(error, []))
    }
    telemetry.ledger.close(batch.account)
  }

  /** Takes waiting units up to the batch's size; drops those whose client has gone. */
  #nextBatch(): Batch | null {
    const { maxBatchRows, maxBatchChars } = this.#options
    const units: Unit[] = []
    const dropped: Unit[] = []
    let rows = 0
    let chars = 0
    let taken = 0
    for (const unit of this.#queue) {
      const isFull = rows + unit.texts.length > maxBatchRows || chars + unit.chars > maxBatchChars
      if (isFull && rows > 0) break
      taken += 1
      this.#count(unit, -1)
      if (unit.isCancelled?.()) {
        dropped.push(unit)
      } else {
        units.push(unit)
        rows += unit.texts.length
        chars += unit.chars
      }
    }
    if (taken === this.#queue.length) this.#queue = []
    else this.#queue.splice(0, taken)
    for (const unit of dropped) this.#refuse(unit, new ServiceError('client_gone', 'the client disconnected'))
    return units.length === 0 ? null : this.#batchOf(units)
  }

  #batchOf(units: readonly Unit[]): Batch {
    const account = new SharedCpuAccount()
    const sampled: RequestScope[] = []
    let rows = 0
    for (const { scope, texts, wait } of units) {
      rows += texts.length
      if (scope === null) continue
      account.add(scope, texts.length)
      if (wait === null) continue
      // A unit of a halved batch has waited already.
      if (wait.isRecording()) wait.end()
      sampled.push(scope)
    }
    this.#batchRows?.observe(rows)
    return { units, rows, account, span: startBatchSpan(sampled, this.#options.table, rows) }
  }

  /** Units are in the order of their arrival. */
  #failLate(): void {
    const lateMs = performance.now() - this.#options.deadlineMs
    for (let unit = this.#queue[0]; unit !== undefined && unit.arrivedMs < lateMs; unit = this.#queue[0]) {
      this.#queue.shift()
      this.#count(unit, -1)
      this.#refuse(unit, new ServiceError('deadline_exceeded', 'the rows waited too long for a batch'))
    }
  }

  /** Keeps the queue's size, as a unit comes (1) or goes (-1). */
  #count({ texts, chars }: Unit, sign: 1 | -1): void {
    this.#queuedRows += sign * texts.length
    this.#queuedChars += sign * chars
  }

  #refuse(unit: Unit, error: ServiceError): void {
    unit.wait?.end()
    this.#options.telemetry.resume(unit.scope ?? undefined, () => unit.committed(error, []))
  }
}

function charsOf(texts: readonly string[]): number {
  let chars = 0
  for (const text of texts) chars += text.length
  return chars
}
