import { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import pg from 'pg'

/**
 * A client whose connection can be cut. `end` waits for the server, which does not answer if the connection hangs. pg
 * gives no access to a client's socket, but accepts one from its caller.
 */
export class CuttableClient extends pg.Client {
  /** When the running statement was sent, on the clock of `performance.now()`. */
  pendingSinceMs: number | null = null
  /** When the client was made, on the same clock. */
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
