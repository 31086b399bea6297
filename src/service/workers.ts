import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from 'pino'
import { createAdminServer } from '../telemetry/admin.ts'
import type { Config } from './config.ts'
import { StartError } from './errors.ts'
import { closeWhatDiesWith } from './hand-over.ts'
import { clientConfig } from './store/store.ts'
import { drainMessage, listening, listensMessage, prepareDatabase } from './worker.ts'

/** A worker that lived shorter than this crashed at start; it is started again ever more slowly. */
const healthyAfterMs = 10_000
const firstBackOffMs = 250
const longestBackOffMs = 30_000
/** What a superuser, the exporter and a migration need beside the service. */
const reservedConnections = 10

/**
 * Several workers on one port: the cluster module hands out the connections in turn. The supervisor serves
 * no request. It starts a crashed worker again, replaces all of them one by one on SIGHUP, and ends them on
 * SIGTERM or SIGINT after they have answered what they had taken.
 */
export async function runSupervisor(config: Config, log: Logger): Promise<void> {
  if (config.adminPort === 0) {
    throw new StartError(
      'ADMIN_PORT cannot be 0 with several workers. Set it to the first of WORKERS + 1 free ports.',
    )
  }
  await prepareDatabase(config)
  const poolSize = await divideConnections(config)
  if (poolSize < config.poolSize) {
    log.warn(
      { poolSize, asked: config.poolSize },
      'each worker gets a smaller pool: max_connections is shared',
    )
  }
  const supervisor = new Supervisor(config, poolSize, log)
  const targets = () =>
    supervisor.indexes.map(index => ({ port: config.adminPort + index, labels: { worker: String(index) } }))
  await listening(
    createAdminServer(null, targets).listen(config.adminPort, config.adminHost),
    config.adminPort,
  )

  process.on('SIGHUP', () => void supervisor.restartAll())
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void supervisor.end())
  await supervisor.startAll()
  log.info(
    { workers: config.workers, poolSize, admin: config.adminPort, pid: process.pid },
    'the workers listen',
  )
}

/**
 * @returns the size of one worker's pool, so that all of them stay under the server's `max_connections`, also while a
 * rolling restart has one worker more.
 * @throws {StartError} where there are fewer connections than workers.
 */
async function divideConnections(config: Config): Promise<number> {
  const client = new pg.Client(clientConfig(config))
  await client.connect()
  try {
    const { rows } = await client.query('SHOW max_connections')
    const maxConnections = Number(rows[0].max_connections)
    const available = maxConnections - reservedConnections
    const share = Math.floor(available / (config.workers + 1))
    if (share < 1) {
      const most = available - 1
      throw new StartError(
        `${config.workers} workers cannot share max_connections = ${maxConnections}. Set WORKERS to at most ${most}, or raise max_connections.`,
      )
    }
    return Math.min(config.poolSize, share)
  } finally {
    await client.end()
  }
}

class Supervisor {
  readonly #config: Config
  readonly #poolSize: number
  readonly #log: Logger
  readonly #workers = new Map<number, Worker>()
  #quickCrashes = 0
  #isEnding = false
  #isRestarting = false

  constructor(config: Config, poolSize: number, log: Logger) {
    this.#config = config
    this.#poolSize = poolSize
    this.#log = log
  }

  /** Workers count from 1. */
  get indexes(): readonly number[] {
    return Array.from({ length: this.#config.workers }, (_, i) => i + 1)
  }

  /** Ends the process where a worker ends before it listens; the first, alone, says why for all of them. */
  async startAll(): Promise<void> {
    const [first = 1, ...others] = this.indexes
    const isStarted =
      (await this.#start(first)) && (await Promise.all(others.map(each => this.#start(each)))).every(Boolean)
    if (!isStarted) await this.end(1)
  }

  /** Each worker's successor listens before it is asked to drain, so that no connection is refused. */
  async restartAll(): Promise<void> {
    if (this.#isRestarting) return
    this.#isRestarting = true
    this.#log.info('all workers are replaced, one by one')
    for (const index of this.indexes) {
      const old = this.#workers.get(index)
      if (this.#isEnding) return
      if (!(await this.#start(index))) {
        this.#log.error({ worker: index }, 'a successor did not start, so the others stay')
        if (old !== undefined) this.#workers.set(index, old)
        break
      }
      if (old !== undefined) await endWorker(old, this.#config.shutdownGraceMs)
    }
    this.#isRestarting = false
    this.#log.info('the rolling restart has ended')
  }

  async end(exitCode = 0): Promise<void> {
    if (this.#isEnding) return
    this.#isEnding = true
    await Promise.all(
      [...this.#workers.values()].map(worker => endWorker(worker, this.#config.shutdownGraceMs)),
    )
    process.exit(exitCode)
  }

  /** @returns whether it listens. */
  async #start(index: number): Promise<boolean> {
    const worker = cluster.fork({
      INSERTLAB_WORKER: index,
      POOL_SIZE: this.#poolSize,
    })
    closeWhatDiesWith(worker)
    this.#workers.set(index, worker)
    const startedMs = performance.now()
    // Not cluster's own `listening`, which the admin port causes too.
    const listens = await Promise.race([
      once(worker, 'message').then(([message]) => message === listensMessage),
      once(worker, 'exit').then(() => false),
    ])
    if (listens) worker.once('exit', () => void this.#replaceCrashed(index, worker, startedMs))
    return listens
  }

  async #replaceCrashed(index: number, worker: Worker, startedMs: number): Promise<void> {
    // Replaced or ended on purpose.
    if (this.#isEnding || this.#workers.get(index) !== worker) return
    const livedMs = performance.now() - startedMs
    this.#quickCrashes = livedMs < healthyAfterMs ? this.#quickCrashes + 1 : 0
    const delayMs = Math.min(longestBackOffMs, firstBackOffMs * 2 ** this.#quickCrashes)
    this.#log.error({ worker: index, livedMs, delayMs, code: worker.process.exitCode }, 'a worker crashed')
    await sleep(delayMs)
    while (!this.#isEnding && !(await this.#start(index))) await sleep(longestBackOffMs)
  }
}

/** The grace it was promised and a second more, then SIGKILL. */
async function endWorker(worker: Worker, graceMs: number): Promise<void> {
  if (worker.isDead()) return
  const ended = once(worker, 'exit')
  if (worker.isConnected()) worker.send(drainMessage)
  const timer = setTimeout(() => worker.process.kill('SIGKILL'), graceMs + 1_000)
  await ended
  clearTimeout(timer)
}
