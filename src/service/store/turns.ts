import { performance } from 'node:perf_hooks'
import { BoundedQueue, type Waiting } from './bounded-queue.ts'

/** Runs a limited number of tasks at a time. The others wait for their turn in a bounded queue, the oldest first. */
export class Turns {
  readonly #size: number
  readonly #waiting: BoundedQueue<Waiting & { grant: () => void }>
  #running = 0

  /** @param options.turn what the tasks wait for, in the words of an error message. */
  constructor(size: number, options: { limit: number; deadlineMs: number; turn: string }) {
    this.#size = size
    this.#waiting = new BoundedQueue(options)
  }

  /**
   * Waits for a turn and runs the task.
   * @throws {ServiceError} overloaded, deadline_exceeded, client_gone: the task has not run then.
   */
  async run<T>(task: () => Promise<T>, isCancelled: (() => boolean) | undefined): Promise<T> {
    if (this.#running < this.#size) this.#running += 1
    else await this.#turn(isCancelled)
    try {
      return await task()
    } finally {
      const next = this.#waiting.take()
      if (next === undefined) this.#running -= 1
      else next.grant()
    }
  }

  close(): void {
    this.#waiting.close()
  }

  #turn(isCancelled: (() => boolean) | undefined): Promise<void> {
    return new Promise((grant, refuse) => {
      this.#waiting.push({ count: 1, weight: 0, sinceMs: performance.now(), isCancelled, grant, refuse })
    })
  }
}
