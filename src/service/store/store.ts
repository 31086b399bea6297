import { metricNames } from '../../telemetry/metric-names.ts'
import { registerGauge } from '../../telemetry/metrics.ts'
import type { Telemetry } from '../../telemetry/telemetry.ts'
import type { Config } from '../config.ts'
import { ServiceError } from '../errors.ts'
import { clientConfig } from './client-config.ts'
import { Database } from './database.ts'
import { type BatchStatements, GroupCommit, type StoredRow } from './group-commit.ts'
import { type StoredText, textInserts } from './inserts/batched.ts'
import { type Task, Tasks, taskInserts } from './tasks.ts'
import { Texts } from './texts.ts'

/**
 * Rows in one batch. Above a few hundred, more rows hardly make a row cheaper, but a row that has just missed the
 * batch waits longer.
 */
const maxBatchRows = 1000
/** Far below what is possible: a parameter of PostgreSQL has at most 1 GB, a string of V8 half of that. */
const maxBatchChars = 8 * 1024 * 1024
const queueLimitChars = 8 * maxBatchChars
/** Extra time for PostgreSQL to report its `statement_timeout`, before the connection is cut. */
const hangMarginMs = 1_000

/** Everything that reads and writes PostgreSQL, for one process. */
export class Store {
  readonly texts: Texts
  readonly tasks: Tasks
  readonly database: Database
  readonly #groups: readonly { readonly queuedRows: number; close(): void }[]

  constructor(config: Config, telemetry: Telemetry) {
    this.database = new Database({
      client: clientConfig(config),
      mode: config.CONNECTION_MODE,
      size: config.POOL_SIZE,
      queueLimit: config.QUEUE_LIMIT,
      waitLimitMs: config.REQUEST_DEADLINE_MS,
      hangLimitMs: config.REQUEST_DEADLINE_MS + hangMarginMs,
      idleTimeoutMs: config.POOL_IDLE_TIMEOUT_MS,
      telemetry,
    })
    const group = <R extends StoredRow>(table: string, statements: BatchStatements) =>
      new GroupCommit<R>({
        database: this.database,
        telemetry,
        table,
        statements,
        queueLimit: config.QUEUE_LIMIT,
        deadlineMs: config.REQUEST_DEADLINE_MS,
        maxBatchRows,
        maxBatchChars,
        queueLimitChars,
        lingerMs: config.BATCH_LINGER_MS,
      })
    const newTexts = group<StoredText>('simple_text', textInserts)
    const newTasks = group<Task & StoredRow>('tasks', taskInserts)
    this.#groups = [newTexts, newTasks]
    this.texts = new Texts({
      database: this.database,
      group: newTexts,
      telemetry,
      defaultStrategy: config.INSERT_STRATEGY,
      stallLimitMs: config.REQUEST_DEADLINE_MS,
      // The other half of the connections is left to the other requests, however slowly the streams come.
      streamLimit: Math.ceil(config.POOL_SIZE / 2),
      streamQueueLimit: config.QUEUE_LIMIT,
    })
    this.tasks = new Tasks(this.database, newTasks)
    if (telemetry.metrics !== null) {
      registerGauge(telemetry.metrics, metricNames.insertQueueDepth, 'Rows waiting for a batch.', () =>
        this.#groups.reduce((rows, waiting) => rows + waiting.queuedRows, 0),
      )
    }
  }

  /** @throws {ServiceError} if the database does not answer, or takes no writes: a standby, or set to read-only. */
  async ping(): Promise<void> {
    const [row] = await this.database.query<{ transaction_read_only: string }>({
      name: 'ping',
      text: 'SHOW transaction_read_only',
    })
    if (row?.transaction_read_only !== 'off') {
      throw new ServiceError('database_read_only', 'PostgreSQL takes no writes now')
    }
  }

  /** Call it when no request is open any more. */
  async close(): Promise<void> {
    for (const group of this.#groups) group.close()
    this.texts.close()
    await this.database.close()
  }
}
