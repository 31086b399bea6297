import type pg from 'pg'
import { metricNames } from '../../telemetry/metric-names.ts'
import { registerGauge } from '../../telemetry/metrics.ts'
import { forOldStore } from '../../telemetry/old-store-shims.ts'
import type { Telemetry } from '../../telemetry/telemetry.ts'
import type { Config } from '../config.ts'
import { Connections } from './connections.ts'
import { type BatchStatements, GroupCommit } from './group-commit.ts'
import { textInserts } from './inserts/batched.ts'
import { Pipelined } from './inserts/pipelined.ts'
import { Tasks, taskInserts } from './tasks.ts'
import { Texts } from './texts.ts'

/**
 * Rows in one batch. Past a few hundred the cost of a row hardly falls any more, while the batch that a
 * late row has just missed keeps growing.
 */
const maxBatchRows = 1000
/** A parameter of PostgreSQL's holds a gigabyte, a string of V8's half of that, and a reasonable one far less. */
const maxBatchChars = 8 * 1024 * 1024
const queueLimitChars = 8 * maxBatchChars
/** What PostgreSQL gets beyond its own `statement_timeout` to say so, before its connection is cut. */
const hangMarginMs = 1_000

/** Everything that reads and writes PostgreSQL, for one process. */
export class Store {
  readonly texts: Texts
  readonly tasks: Tasks
  readonly connections: Connections
  readonly #groups: readonly GroupCommit[]
  readonly #pipelined: Pipelined

  constructor(config: Config, observed: Telemetry) {
    const telemetry = forOldStore(observed)
    const client = clientConfig(config)
    this.connections = new Connections({
      client,
      mode: config.connectionMode,
      size: config.poolSize,
      queueLimit: config.queueLimit,
      waitLimitMs: config.requestDeadlineMs,
      hangLimitMs: config.requestDeadlineMs + hangMarginMs,
      telemetry,
    })
    const group = (table: string, statements: BatchStatements) =>
      new GroupCommit({
        connections: this.connections,
        telemetry,
        table,
        statements,
        queueLimit: config.queueLimit,
        deadlineMs: config.requestDeadlineMs,
        maxBatchRows,
        maxBatchChars,
        queueLimitChars,
        lanes: config.batchLanes,
        lingerMs: config.batchLingerMs,
      })
    const newTexts = group('simple_text', textInserts)
    const newTasks = group('tasks', taskInserts)
    this.#groups = [newTexts, newTasks]
    this.#pipelined = new Pipelined({
      client,
      telemetry,
      connections: config.pipelineConnections,
      queueLimit: config.queueLimit,
      deadlineMs: config.requestDeadlineMs,
      hangLimitMs: config.requestDeadlineMs + hangMarginMs,
    })
    this.texts = new Texts({
      connections: this.connections,
      group: newTexts,
      pipelined: this.#pipelined,
      telemetry,
      defaultStrategy: config.insertStrategy,
      stallLimitMs: config.requestDeadlineMs,
    })
    this.tasks = new Tasks(this.connections, newTasks)
    if (telemetry.metrics !== null) {
      registerGauge(telemetry.metrics, metricNames.insertQueueDepth, 'Rows waiting for a batch.', () =>
        this.#groups.reduce((rows, waiting) => rows + waiting.queuedRows, 0),
      )
    }
  }

  /** @throws where the database does not answer. */
  async ping(): Promise<void> {
    await this.connections.query({ name: 'ping', text: 'SELECT 1' })
  }

  /** Call it when no request is open any more. */
  async close(): Promise<void> {
    for (const group of this.#groups) group.close()
    await Promise.all([this.connections.close(), this.#pipelined.close()])
  }
}

/** How every connection of the service is opened. */
export function clientConfig(config: Config): pg.ClientConfig {
  return {
    ...(config.databaseUrl !== undefined && { connectionString: config.databaseUrl }),
    application_name: 'insertlab',
    options: `-c synchronous_commit=${config.synchronousCommit}`,
    // PostgreSQL gives up on its side first, so that its answer and not a guess decides what was stored.
    statement_timeout: config.requestDeadlineMs,
  }
}
