import cluster, { type Worker } from 'node:cluster'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { createAdminServer } from '../telemetry/admin.ts'
import type { Config } from './config.ts'
import { StartError } from './errors.ts'
import { closeWhatDiesWith } from './hand-over.ts'
import { prepareDatabase, withClient } from './prepare-database.ts'
import { drainMessage, listening, listensMessage } from './worker.ts'

/** A worker that ends sooner has crashed at its start. Each such crash doubles the wait before the next start. */
const healthyAfterMs = 10_000
const firstBackOffMs = 250
const longestBackOffMs = 30_000
/** Connections that are left for a superuser, the exporter and a migration. */
const reservedConnections = 10

/**
 * Runs several workers on one port. The cluster module distributes the connections in rotation. The supervisor serves
 * no request. It starts a crashed worker again, replaces all workers one by one on SIGHUP, and ends them on SIGTERM
 * or SIGINT after they have answered the requests that they had taken.
 */
export async function runSupervisor(config: Config, log: Logger): Promise<void> {
  if (config.ADMIN_PORT === 0) {
    throw new StartError(
      'ADMIN_PORT cannot be 0 with several workers. Set it to the first of WORKERS + 1 free ports.',
    )
  }
  await prepareDatabase(config, log)
  const poolSize = await divideConnections(config)
  if (poolSize < config.POOL_SIZE) {
    log.warn(
      { poolSize, asked: config.POOL_SIZE },
      'each worker gets a smaller pool: max_connections is shared',
    )
  }
  const supervisor = new Supervisor(config, poolSize, log)
  const targets = () =>
    supervisor.indexes.map(index => ({ port: config.ADMIN_PORT + index, labels: { worker: String(index) } }))
  await listening(
    createAdminServer(null, targets, config.ADMIN_TOKEN).listen(config.ADMIN_PORT, config.ADMIN_HOST),
    config.ADMIN_PORT,
  )

  process.on('SIGHUP', () => void supervisor.restartAll())
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void supervisor.end())
  await supervisor.startAll()
  log.info({ workers: config.WORKERS, poolSize, admin: config.ADMIN_PORT }, 'the workers listen')
}

/**
 * @returns the size of one worker's pool. All pools together fit into the server's `max_connections`, also while a
 * rolling restart has one worker more.
 * @throws {StartError} if there are fewer connections than workers.
 */
async function divideConnections(config: Config): Promise<number> {
  const maxConnections = await withClient(config, async client => {
    const { rows } = await client.query('SHOW max_connections')
    return Number(rows[0].max_connections)
  })
  const available = maxConnections - reservedConnections
  const share = Math.floor(available / (config.WORKERS + 1))
  if (share < 1) {
    throw new StartError(
      `${config.WORKERS} workers cannot share max_connections = ${maxConnections}. Set WORKERS to at most ${available - 1}, or raise max_connections.`,
    )
  }
  return Math.min(config.POOL_SIZE, share)
}

/** The place of one worker. If its process ends, another one takes the place. */
interface Slot {
  /** From 1. */
  readonly index: number
  /** The process that serves; or the last one that did, if it has ended and no successor listens yet. */
  worker: Worker | undefined
  /** Resolves to whether the process that is being started listens; undefined: none is being started. */
  starting: Promise<boolean> | undefined
  /** Crashes at the start, one after the other without a success between them. */
  quickCrashes: number
}

class Supervisor {
  readonly #config: Config
  readonly #poolSize: number
  readonly #log: Logger
  readonly #slots: readonly Slot[]
  /** All processes that have not ended. */
  readonly #running = new Set<Worker>()
  /** Those of them that do not listen yet. */
  readonly #starting = new Set<Worker>()
  #isEnding = false
  #isRestarting = false

  constructor(config: Config, poolSize: number, log: Logger) {
    this.#config = config
    this.#poolSize = poolSize
    this.#log = log
    this.#slots = Array.from({ length: config.WORKERS }, (_, i) => ({
      index: i + 1,
      worker: undefined,
      starting: undefined,
      quickCrashes: 0,
    }))
  }

  get indexes(): readonly number[] {
    return this.#slots.map(({ index }) => index)
  }

  /** Ends all processes if one ends before it listens. The first starts alone, so that one error is printed once. */
  async startAll(): Promise<void> {
    const [first, ...others] = this.#slots
    const isStarted =
      first !== undefined &&
      (await this.#fill(first)) &&
      (await Promise.all(others.map(slot => this.#fill(slot)))).every(Boolean)
    if (!isStarted) await this.end(1)
  }

  /** Each successor listens before its predecessor is told to drain, so that no connection is refused. */
  async restartAll(): Promise<void> {
    if (this.#isRestarting) return
    this.#isRestarting = true
    this.#log.info('all workers are replaced, one by one')
    for (const slot of this.#slots) {
      const old = slot.worker
      const isFilled = await this.#fill(slot)
      if (this.#isEnding) return
      if (!isFilled) {
        this.#log.error({ worker: slot.index }, 'a new worker did not start, so the old ones stay')
        break
      }
      if (old !== undefined) await endWorker(old, this.#config.SHUTDOWN_GRACE_MS)
    }
    this.#isRestarting = false
    this.#log.info('the rolling restart has ended')
  }

  async end(exitCode = 0): Promise<void> {
    if (this.#isEnding) return
    this.#isEnding = true
    await Promise.all(
      [...this.#running].map(worker => {
        // It serves no requests yet, and it does not receive the supervisor's messages yet.
        if (this.#starting.has(worker)) worker.process.kill('SIGKILL')
        return endWorker(worker, this.#config.SHUTDOWN_GRACE_MS)
      }),
    )
    process.exit(exitCode)
  }

  /**
   * Starts a process that takes the slot as soon as it listens. If one is already being started, this waits for that
   * one: a crash and a rolling restart may need a new process at the same time.
   * @returns whether it listens.
   */
  #fill(slot: Slot): Promise<boolean> {
    slot.starting ??= this.#start(slot).finally(() => {
      slot.starting = undefined
    })
    return slot.starting
  }

  async #start(slot: Slot): Promise<boolean> {
    const worker = cluster.fork({
      INSERTLAB_WORKER: slot.index,
      POOL_SIZE: this.#poolSize,
      // A worker does not need it.
      MIGRATION_PASSWORD: '',
    })
    closeWhatDiesWith(worker)
    this.#running.add(worker)
    this.#starting.add(worker)
    // A message to a process that has just died. Its exit is handled below.
    worker.on('error', err => this.#log.warn({ err, worker: slot.index }, 'a message did not arrive'))
    const startedMs = performance.now()
    worker.once('exit', () => {
      this.#running.delete(worker)
      if (slot.worker === worker) void this.#replaceCrashed(slot, worker, startedMs)
    })
    const isListening = await new Promise<boolean>(resolve => {
      // Not the cluster module's own event `listening`: the admin port causes it too.
      worker.on('message', message => message === listensMessage && resolve(true))
      worker.once('exit', () => resolve(false))
    })
    this.#starting.delete(worker)
    if (isListening) slot.worker = worker
    return isListening
  }

  /** Tries until another process has taken the place of `dead`. A rolling restart may have started that process. */
  async #replaceCrashed(slot: Slot, dead: Worker, startedMs: number): Promise<void> {
    const livedMs = performance.now() - startedMs
    if (livedMs >= healthyAfterMs) slot.quickCrashes = 0
    while (!this.#isEnding && slot.worker === dead) {
      slot.quickCrashes += 1
      const delayMs = Math.min(longestBackOffMs, firstBackOffMs * 2 ** (slot.quickCrashes - 1))
      const code = dead.process.exitCode
      this.#log.error({ worker: slot.index, livedMs, delayMs, code }, 'a worker crashed')
      await sleep(delayMs)
      if (!this.#isEnding && slot.worker === dead) await this.#fill(slot)
    }
  }
}

/** Tells a worker to drain, waits for the grace period and a second more, then kills it. */
async function endWorker(worker: Worker, graceMs: number): Promise<void> {
  if (worker.isDead()) return
  const ended = new Promise(resolve => worker.once('exit', resolve))
  if (worker.isConnected()) worker.send(drainMessage)
  const timer = setTimeout(() => worker.process.kill('SIGKILL'), graceMs + 1_000)
  await ended
  clearTimeout(timer)
}
