/**
 * How long Linux lets a thread run while another waits for its core: it looks at each tick, of which the kernels of
 * Debian, Ubuntu and the clouds have 250 a second.
 */
export const sliceUs = 4_000

/**
 * Cores, threads that take turns on them, and a clock. Each core has its line of threads, as the kernel has: who wakes
 * up goes to the core it ran on last, or to an idle one, and waits there until who runs goes to sleep or has had its
 * slice. This is what batches grow from: while PostgreSQL, with the batch, waits for a core, rows gather. With cores
 * that all threads share equally (processor sharing) batches came out a third smaller than they are, and p95 a third
 * too low.
 */
export class Machine {
  nowUs = 0
  /** The threads of each core: the first runs, the others wait in line. */
  readonly #cores: Thread[][]
  readonly #isShared: boolean
  /** The next one first. */
  readonly #timers: Timer[] = []

  /** @param cores null: each thread has one of its own. */
  constructor(cores: number | null) {
    this.#isShared = cores !== null
    this.#cores = Array.from({ length: cores ?? 0 }, () => [])
  }

  /** A new one, asleep until it gets work. */
  thread(): Thread {
    const thread = new Thread(woken => this.#coreFor(woken).push(woken))
    if (!this.#isShared) thread.lastCore = this.#cores.push([]) - 1
    return thread
  }

  /** Calls back after a time that no core is needed for. */
  after(us: number, run: () => void): void {
    this.#timers.push({ atUs: this.nowUs + us, run })
    this.#timers.sort((a, b) => a.atUs - b.atUs)
  }

  runUntil(endUs: number): void {
    while (this.nowUs < endUs) {
      for (const core of this.#cores) this.#rotate(core)
      const running = this.#cores.flatMap(([first]) => first ?? [])
      const [timer] = this.#timers
      const timerUs = timer === undefined ? Number.POSITIVE_INFINITY : timer.atUs - this.nowUs
      const stepUs = Math.min(timerUs, ...this.#cores.map(untilNextUs))
      if (!Number.isFinite(stepUs)) return
      this.nowUs += stepUs
      for (const thread of running) thread.advance(stepUs)
      if (timerUs <= stepUs) this.#timers.shift()?.run()
      for (const thread of running) thread.finish()
    }
  }

  /** Where it ran last, for its data are in that core's cache, unless another is idle and that one is not. */
  #coreFor(thread: Thread): Thread[] {
    const last = this.#cores[thread.lastCore] ?? []
    const chosen = last.length === 0 ? last : (this.#cores.find(core => core.length === 0) ?? last)
    thread.lastCore = this.#cores.indexOf(chosen)
    return chosen
  }

  /** Who has nothing to do leaves; who has had its slice while another waits goes to the end of the line. */
  #rotate(core: Thread[]): void {
    const [first, next] = core
    if (first === undefined) return
    const isIdle = first.current === undefined
    if (!isIdle && (next === undefined || first.ranUs + rounding < sliceUs)) return
    core.shift()
    first.leaveCore()
    if (!isIdle) core.push(first)
  }
}

/** Time until the thread that has the core is done, or has had its slice while another waits. */
function untilNextUs([first, next]: Thread[]): number {
  if (first === undefined) return Number.POSITIVE_INFINITY
  return next === undefined ? first.remainingUs : Math.min(first.remainingUs, sliceUs - first.ranUs)
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

  work(us: number, done: () => void = () => {}): void {
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
