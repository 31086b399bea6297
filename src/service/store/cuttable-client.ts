import { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import pg from 'pg'

/**
 * A client whose connection can be cut: the server of a hanging one would not answer to `end`. pg gives no access to a
 * client's socket, but takes one from its caller.
 */
export class CuttableClient extends pg.Client {
  /** When the running statement was sent, on the clock of `performance.now()`. */
  pendingSinceMs: number | null = null
  /** On the same clock. */
  readonly createdMs = performance.now()
  readonly #socket: Socket

  constructor(config: pg.ClientConfig) {
    const socket = new Socket()
    super({ ...config, stream: () => socket })
    this.#socket = socket
  }

  cut(): void {
    this.#socket.destroy()
  }
}

export type LentClient = CuttableClient & pg.PoolClient
