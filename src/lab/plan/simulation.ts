import { randomFrom } from '../analysis/random.ts'
import type { Costs } from './costs.ts'

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
  /** Cores that programs outside the system take of those, in bursts of a slice; 0 where nothing is shared. */
  readonly othersCores: number
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
/**
 * How long Linux lets a thread run while another waits for its core: it looks at each tick, of which the kernels of
 * Debian, Ubuntu and the clouds have 250 a second.
 */
const sliceUs = 4_000
/** Before it, queues fill. */
const warmupShare = 0.2

/**
 * Discrete-event simulation of group commit. A thread does one piece of work after the other. Each core has its line of
 * threads, as the kernel has: who wakes up goes to the core it ran on last, or to an idle one, and waits there until
 * who runs goes to sleep or has had its slice. This is what batches grow from: while PostgreSQL, with the batch, waits
 * for a core, rows gather. With cores that all threads share equally (processor sharing) batches came out a third
 * smaller than they are, and p95 a third too low. A request takes CPU when it arrives and when it is answered; the
 * rows that wait when a batch has come back go out together. Garbage is collected in stops. CPU of a piece of work is drawn from an exponential
 * distribution around its measured mean, so that queues form as they do.
 *
 * Small enough to read, which no simulation package of npm that is maintained would have made it.
 */
export function simulate(system: System): Simulated {
  const { costs, rowsPerRequest, workers: workerCount, load, sharedCores, othersCores, seconds } = system
  const { api, database, generatorUs, generatorBurstUs, garbageUs, garbageStopUs, pauseUs } = costs
  const requestUs = api.requestUs - garbageUs
  const random = randomFrom(1)
  const spread = (meanUs: number) => -Math.log(1 - random()) * meanUs
  /** What many pieces take together, which is far less uncertain than each of them. */
  const sum = (pieces: number, meanUs: number) => {
    let us = 0
    if (meanUs > 0) for (let i = 0; i < pieces; i++) us += spread(meanUs)
    return us
  }
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
        spread(database.batchUs) + sum(batch.length, database.requestUs) + sum(rows, database.rowUs)
      backend.work(databaseUs, () =>
        machine.after(spread(pauseUs), () =>
          thread.work(half(api.batchUs) + sum(rows, api.rowUs), () => {
            sendBatch()
            // Spans, metrics and going to sleep are done while PostgreSQL has the next one.
            thread.work(half(api.batchUs), () => {})
            if (load.mode === 'closed') generator.work(spread(generatorBurstUs), () => {})
            for (const answered of batch) thread.work(half(requestUs), answered)
          }),
        ),
      )
    }
    let uncollectedUs = 0
    const collect = () => {
      uncollectedUs += garbageUs
      if (garbageUs === 0 || uncollectedUs < garbageStopUs) return
      thread.work(uncollectedUs, () => {})
      uncollectedUs = 0
    }
    return (answered: () => void) =>
      thread.work(half(requestUs), () => {
        collect()
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
  if (sharedCores !== null && othersCores > 0) {
    const others = machine.thread()
    const rest = () =>
      machine.after(spread(sliceUs / othersCores - sliceUs), () => others.work(spread(sliceUs), rest))
    rest()
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

/** Cores, threads that take turns on them, and a clock. */
class Machine {
  nowUs = 0
  /** The threads of each core: the first runs, the others wait in line. null: each thread has its own. */
  readonly #cores: Thread[][]
  readonly #isShared: boolean
  readonly #timers: Timer[] = []

  constructor(cores: number | null) {
    this.#isShared = cores !== null
    this.#cores = Array.from({ length: cores ?? 0 }, () => [])
  }

  thread(): Thread {
    if (!this.#isShared) this.#cores.push([])
    const own = this.#cores.length - 1
    return new Thread(thread => this.#coreFor(thread, own).push(thread))
  }

  /** Calls back after a time that no core is needed for. */
  after(us: number, run: () => void): void {
    this.#timers.push({ atUs: this.nowUs + us, run })
  }

  runUntil(endUs: number): void {
    while (this.nowUs < endUs) {
      for (const core of this.#cores) this.#turn(core)
      const timer = this.#timers.reduce<Timer | undefined>(
        (first, each) => (first !== undefined && first.atUs <= each.atUs ? first : each),
        undefined,
      )
      const timerUs = timer === undefined ? Number.POSITIVE_INFINITY : timer.atUs - this.nowUs
      const running = this.#cores.flatMap(([first]) => first ?? [])
      const untilNextUs = this.#cores.flatMap(([first, next]) =>
        first === undefined
          ? []
          : [next === undefined ? first.remainingUs : Math.min(first.remainingUs, sliceUs - first.ranUs)],
      )
      const stepUs = Math.min(timerUs, ...untilNextUs)
      if (!Number.isFinite(stepUs)) return
      this.nowUs += stepUs
      for (const thread of running) thread.advance(stepUs)
      if (timer !== undefined && timerUs <= stepUs) {
        this.#timers.splice(this.#timers.indexOf(timer), 1)
        timer.run()
      }
      for (const thread of running) thread.finish()
    }
  }

  /** Where it ran last, for its data are in that core's cache, unless another is idle and that one is not. */
  #coreFor(thread: Thread, own: number): Thread[] {
    const last = this.#cores[this.#isShared ? thread.lastCore : own] ?? []
    const idle = this.#isShared ? this.#cores.find(core => core.length === 0) : undefined
    const chosen = last.length === 0 ? last : (idle ?? last)
    thread.lastCore = Math.max(0, this.#cores.indexOf(chosen))
    return chosen
  }

  /** Who has nothing to do leaves; who has had its slice while another waits goes to the end of the line. */
  #turn(core: Thread[]): void {
    const [first, next] = core
    if (first === undefined) return
    const isIdle = first.current === undefined
    if (!isIdle && (next === undefined || first.ranUs + rounding < sliceUs)) return
    core.shift()
    first.leaveCore()
    if (!isIdle) core.push(first)
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
  /** How long it has had its core. */
  ranUs = 0
  lastCore = 0
  readonly #queue: Work[] = []
  readonly #wake: (thread: Thread) => void
  #doneUs = 0
  /** It has a core or waits for one. */
  #isAwake = false

  constructor(wake: (thread: Thread) => void) {
    this.#wake = wake
  }

  get current(): Work | undefined {
    return this.#queue[0]
  }

  get remainingUs(): number {
    return this.current === undefined ? 0 : this.current.us - this.#doneUs
  }

  work(us: number, done: () => void): void {
    this.#queue.push({ us, done })
    if (this.#isAwake) return
    this.#isAwake = true
    this.#wake(this)
  }

  advance(us: number): void {
    this.#doneUs += us
    this.ranUs += us
  }

  finish(): void {
    const { current } = this
    if (current === undefined || this.remainingUs > rounding) return
    this.#queue.shift()
    this.#doneUs = 0
    current.done()
  }

  leaveCore(): void {
    this.ranUs = 0
    this.#isAwake = this.current !== undefined
  }
}

const rounding = 1e-6
