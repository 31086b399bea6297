import { performance } from 'node:perf_hooks'
import { ServiceError } from '../errors.ts'

/** An item that waits in the queue. */
export interface Waiting {
  /** How much it counts towards the limit of the queue, for example its number of rows. */
  readonly count: number
  /** How much it counts towards the limit of weight, for example its number of characters. */
  readonly weight: number
  /** When the wait began, on the clock of `performance.now()`. */
  readonly sinceMs: number
  /** Whether nobody waits for it any more. */
  readonly isCancelled: (() => boolean) | undefined
  /** Ends the wait with an error. Called at most once. */
  refuse(error: ServiceError): void
}

/** How often the queue looks for waits that must end. A timer per item would cost more (docs/decisions.md, 7). */
export const sweepMs = 250

/**
 * A queue that is bounded in length and in time.
 *
 * - An item that finds the queue full is refused at once, before memory grows.
 * - An item that has waited longer than the deadline is refused.
 * - An item that nobody waits for any more is refused, so that its work is not done.
 *
 * Refusals come at most a quarter of a second late.
 */
export class BoundedQueue<T extends Waiting> {
  readonly #options: { limit: number; weightLimit?: number; deadlineMs: number; turn: string }
  readonly #sweep: NodeJS.Timeout
  #items: T[] = []
  #count = 0
  #weight = 0

  /** @param options.turn what the items wait for, in the words of an error message, for example "a batch". */
  constructor(options: { limit: number; weightLimit?: number; deadlineMs: number; turn: string }) {
    this.#options = options
    this.#sweep = setInterval(() => this.#refuseDue(), sweepMs).unref()
  }

  get count(): number {
    return this.#count
  }

  get weight(): number {
    return this.#weight
  }

  /** The item that has waited longest. */
  get first(): T | undefined {
    return this.#items[0]
  }

  /** @throws {ServiceError} overloaded */
  push(item: T): void {
    const { limit, weightLimit = Infinity, turn } = this.#options
    if (this.#count + item.count > limit || this.#weight + item.weight > weightLimit) {
      throw new ServiceError('overloaded', `too much work waits for ${turn}`)
    }
    this.#items.push(item)
    this.#add(item, 1)
  }

  /**
   * Removes and returns the first item whose wait need not end. The items before it are refused.
   * @param fits whether an item can be taken now. An item that does not fit stays, and so do all items behind it.
   */
  take(fits: (item: T) => boolean = () => true): T | undefined {
    for (let item = this.#items[0]; item !== undefined && fits(item); item = this.#items[0]) {
      this.#items.shift()
      this.#add(item, -1)
      if (!this.refuseIfDue(item)) return item
    }
    return undefined
  }

  /** Refuses an item if its wait must end. The item may be in the queue or taken from it. Returns whether it did. */
  refuseIfDue(item: T): boolean {
    const { deadlineMs, turn } = this.#options
    if (item.isCancelled?.()) {
      item.refuse(new ServiceError('client_gone', 'the client disconnected'))
      return true
    }
    if (performance.now() - item.sinceMs < deadlineMs) return false
    item.refuse(new ServiceError('deadline_exceeded', `waited ${deadlineMs} ms for ${turn}`))
    return true
  }

  /** Call it when nothing waits any more. */
  close(): void {
    clearInterval(this.#sweep)
  }

  #refuseDue(): void {
    this.#items = this.#items.filter(item => {
      const isRefused = this.refuseIfDue(item)
      if (isRefused) this.#add(item, -1)
      return !isRefused
    })
  }

  #add({ count, weight }: T, sign: 1 | -1): void {
    this.#count += sign * count
    this.#weight += sign * weight
  }
}
