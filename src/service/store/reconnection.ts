import { setTimeout as sleep } from 'node:timers/promises'

/** How long to wait before the next attempt to connect. */
const askAgainMs = 100

/**
 * While the server is down, tries to open one connection every tenth of a second, for all requests that need one.
 *
 * If each request tried, a server that recovers from a crash would spend its time on refusing connections: 1,282 in
 * one recovery at 350 requests/s. The price: a request waits up to a tenth of a second for the answer that the
 * database cannot be reached.
 */
export class Reconnection {
  readonly #options: { open: () => Promise<void>; failed: (error: unknown) => void }
  #isDown = false
  #attempt: Promise<void> | null = null

  /**
   * @param options.open opens a connection and leaves it in the pool.
   * @param options.failed is called when that failed, before the waiting requests are rejected.
   */
  constructor(options: { open: () => Promise<void>; failed: (error: unknown) => void }) {
    this.#options = options
  }

  /** Call it when a connection could not be opened and no other is open. */
  noteDown(): void {
    this.#isDown = true
  }

  /** Resolves when the server accepts connections: at once, or after the next attempt. Rejects if that fails. */
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
