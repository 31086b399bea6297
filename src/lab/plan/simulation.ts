import { randomFrom } from '../analysis/random.ts'
import { type Costs, requestCostUs } from './costs.ts'

/** What is simulated: clients, API workers with one batch on its way each, PostgreSQL, and whose cores they use. */
export interface System {
  readonly costs: Costs
  readonly rowsPerRequest: number
  readonly workers: number
  /**
   * closed: so many clients, each waits for its answer, sent by one thread of a generator; open: requests arrive at
   * random (Poisson), and who sends them costs nothing here.
   */
  readonly load:
    | { readonly mode: 'closed'; readonly clients: number }
    | { readonly mode: 'open'; readonly ratePerS: number }
  /** Cores that all of it shares, as on one machine; null: every thread has one of its own. */
  readonly sharedCores: number | null
  readonly seconds: number
}

export interface Simulated {
  readonly throughputPerS: number
  readonly latencyMs: {
    readonly p50: number
    readonly p90: number
    readonly p95: number
    readonly p99: number
  }
  readonly rowsPerBatch: number
}

const maxBatchRows = 1000
/** Before it, queues fill. */
const warmupShare = 0.2

/**
 * Discrete-event simulation of group commit. A thread does one piece of work after the other; threads that have work
 * share the cores equally (processor sharing, which is what the kernel's scheduler approximates). A request takes CPU
 * when it arrives and when it is answered; the rows that wait when a batch has come back go out together. CPU of a
 * piece of work is drawn from an exponential distribution around its measured mean, so that queues form as they do.
 *
 * Small enough to read, which no simulation package of npm that is maintained would have made it.
 */
export function simulate(system: System): Simulated {
  const { costs, rowsPerRequest, workers: workerCount, load, sharedCores, seconds } = system
  const { api, database, generatorUs, pauseUs } = costs
  const random = randomFrom(1)
  const spread = (meanUs: number) => -Math.log(1 - random()) * meanUs
  const machine = new Machine(sharedCores)
  const generator = machine.thread()
  const latenciesUs: number[] = []
  const endUs = seconds * 1e6
  const startUs = endUs * warmupShare
  let batches = 0
  let batchedRows = 0

  const half = (us: number) => spread(us / 2)
  const workers = Array.from({ length: workerCount }, () => {
    const thread = machine.thread()
    const backend = machine.thread()
    const waiting: (() => void)[] = []
    let busy = false

    const sendBatch = () => {
      const batch = waiting.splice(0, Math.max(1, Math.floor(maxBatchRows / rowsPerRequest)))
      const rows = batch.length * rowsPerRequest
      busy = batch.length > 0
      if (!busy) return
      if (machine.nowUs >= startUs) {
        batches += 1
        batchedRows += rows
      }
      const databaseUs =
        database.batchUs + batch.length * requestCostUs({ ...database, batchUs: 0 }, rowsPerRequest, 1)
      backend.work(spread(databaseUs), () =>
        machine.after(spread(pauseUs), () =>
          thread.work(spread(api.batchUs + rows * api.rowUs), () => {
            sendBatch()
            for (const answered of batch) thread.work(half(api.requestUs), answered)
          }),
        ),
      )
    }
    return (answered: () => void) =>
      thread.work(half(api.requestUs), () => {
        waiting.push(answered)
        if (busy) return
        busy = true
        // At the end of the event loop's turn, with whatever else has arrived in it.
        thread.work(0, sendBatch)
      })
  })

  const request = (client: number, done: () => void) => {
    const sentUs = machine.nowUs
    workers[client % workerCount]?.(() => {
      const finish = () => {
        if (machine.nowUs >= startUs) latenciesUs.push(machine.nowUs - sentUs)
        done()
      }
      if (load.mode === 'open') finish()
      else generator.work(half(generatorUs), finish)
    })
  }
  if (load.mode === 'closed') {
    const again = (client: number) =>
      generator.work(half(generatorUs), () => request(client, () => again(client)))
    for (let client = 0; client < load.clients; client++) again(client)
  } else {
    const arrive = (client: number) =>
      machine.after(spread(1e6 / load.ratePerS), () => {
        request(client, () => {})
        arrive(client + 1)
      })
    arrive(0)
  }
  machine.runUntil(endUs)

  const sorted = latenciesUs.sort((a, b) => a - b)
  const at = (share: number) => (sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN) / 1000
  return {
    throughputPerS: sorted.length / (seconds * (1 - warmupShare)),
    latencyMs: { p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99) },
    rowsPerBatch: batches === 0 ? Number.NaN : batchedRows / batches,
  }
}

/** Threads that share cores, and a clock. */
class Machine {
  nowUs = 0
  readonly #cores: number | null
  readonly #threads: Thread[] = []
  readonly #timers: Timer[] = []

  constructor(cores: number | null) {
    this.#cores = cores
  }

  thread(): Thread {
    const thread = new Thread()
    this.#threads.push(thread)
    return thread
  }

  /** Calls back after a time that no core is needed for. */
  after(us: number, run: () => void): void {
    this.#timers.push({ atUs: this.nowUs + us, run })
  }

  runUntil(endUs: number): void {
    while (this.nowUs < endUs) {
      const running = this.#threads.filter(thread => thread.current !== undefined)
      const speed = this.#cores === null ? 1 : Math.min(1, this.#cores / running.length)
      const shortestUs = Math.min(...running.map(({ remainingUs }) => remainingUs)) / speed
      const timer = this.#timers.reduce<Timer | undefined>(
        (first, each) => (first !== undefined && first.atUs <= each.atUs ? first : each),
        undefined,
      )
      const timerUs = timer === undefined ? Number.POSITIVE_INFINITY : timer.atUs - this.nowUs
      const stepUs = Math.min(shortestUs, timerUs)
      if (!Number.isFinite(stepUs)) return
      this.nowUs += stepUs
      for (const thread of running) thread.advance(stepUs * speed)
      if (timer !== undefined && timerUs <= shortestUs) {
        this.#timers.splice(this.#timers.indexOf(timer), 1)
        timer.run()
      }
      for (const thread of running) thread.finish()
    }
  }
}

interface Timer {
  readonly atUs: number
  readonly run: () => void
}

interface Work {
  readonly us: number
  readonly done: () => void
}

/** One piece of work after the other. */
class Thread {
  readonly #queue: Work[] = []
  #doneUs = 0

  get current(): Work | undefined {
    return this.#queue[0]
  }

  get remainingUs(): number {
    return (this.current?.us ?? 0) - this.#doneUs
  }

  work(us: number, done: () => void): void {
    this.#queue.push({ us, done })
  }

  advance(us: number): void {
    this.#doneUs += us
  }

  finish(): void {
    const { current } = this
    if (current === undefined || this.remainingUs > rounding) return
    this.#queue.shift()
    this.#doneUs = 0
    current.done()
  }
}

const rounding = 1e-6
