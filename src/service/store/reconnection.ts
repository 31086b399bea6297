import { setTimeout as sleep } from 'node:timers/promises'

/** How often a server that refuses connections is asked again. */
const askAgainMs = 100

/**
 * Asks a server that is down for a connection, once in a tenth of a second and for all requests that need one.
 *
 * If each request asked, a server that recovers from a crash would be asked as often as requests come, and would spend
 * its time on saying no: 1,282 times in one recovery at 350 requests/s. The price: a request waits up to a tenth of a
 * second before it is told that the database cannot be reached.
 */
export class Reconnection {
  readonly #options: { open: () => Promise<void>; failed: (error: unknown) => void }
  #isDown = false
  #attempt: Promise<void> | null = null

  /**
   * @param options.open opens a connection and keeps it for whoever comes first.
   * @param options.failed is told that it could not be opened, before those who wait are.
   */
  constructor(options: { open: () => Promise<void>; failed: (error: unknown) => void }) {
    this.#options = options
  }

  /** A connection could not be opened, and none is open. */
  noteDown(): void {
    this.#isDown = true
  }

  /** Resolves when the server gives connections: at once, or after the next attempt. Rejects if that fails. */
  async untilUp(): Promise<void> {
    if (!this.#isDown) return
    this.#attempt ??= this.#ask().finally(() => {
      this.#attempt = null
    })
    await this.#attempt
  }

  async #ask(): Promise<void> {
    await sleep(askAgainMs)
    try {
      await this.#options.open()
      this.#isDown = false
    } catch (error) {
      this.#options.failed(error)
      throw error
    }
  }
}
