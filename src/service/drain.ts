import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { ServiceError } from './errors.ts'
import type { OpenResponses } from './open-responses.ts'
import { refuse } from './problem.ts'

/** If no request has come on an older connection for this long, every active client has been told to leave. */
const quietMs = 250
const longestUntilQuietMs = 2_000
const pollMs = 25

/**
 * Ends a server's connections without losing a request that a client has already sent.
 *
 * If the server closes an idle connection while a request is on its way, the client sees a reset. So every answer
 * first says `Connection: close`, until no request has come on an older connection for a while. Then the server stops
 * listening and closes the idle connections. The price is a quarter of a second at each stop.
 *
 * Until then new connections are accepted, because a load balancer may not have seen yet that the service is not
 * ready. A request on a new connection is answered like any other.
 */
export class Drain {
  readonly #server: Server
  readonly #open: OpenResponses['byConnection']
  #isDraining = false
  /** Connections that were open when the drain began. */
  #untold: ReadonlySet<Socket> = new Set()
  #lastRequestMs = 0
  /** The number of bytes that each connection had sent, and when that number was first seen. */
  readonly #heard = new WeakMap<Socket, { bytes: number; sinceMs: number }>()

  /** @param server must not listen yet. */
  constructor(server: Server, { byConnection }: OpenResponses) {
    this.#server = server
    this.#open = byConnection
    // Runs before Fastify's own listener, because that one may answer at once.
    server.prependListener('request', (request, response) => {
      if (!this.#isDraining) return
      for (const earlier of this.#open.get(request.socket) ?? []) stayAfter(earlier)
      leaveAfter(response)
      if (this.#untold.has(request.socket)) this.#lastRequestMs = performance.now()
    })
  }

  /**
   * Resolves when every request is answered and every connection closed.
   * @param options.silenceLimitMs how long a client may send nothing in the middle of its request.
   */
  async end({ silenceLimitMs }: { silenceLimitMs: number }): Promise<void> {
    this.#isDraining = true
    this.#untold = new Set(this.#open.keys())
    for (const responses of this.#open.values()) {
      const last = responses.at(-1)
      if (last !== undefined) leaveAfter(last)
    }
    await this.#untilQuiet()
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    const timer = setInterval(() => {
      this.#server.closeIdleConnections()
      this.#closeSilent(silenceLimitMs)
    }, pollMs)
    await closed
    clearInterval(timer)
  }

  async #untilQuiet(): Promise<void> {
    const startMs = performance.now()
    this.#lastRequestMs = startMs
    while (
      performance.now() - this.#lastRequestMs < quietMs &&
      performance.now() - startMs < longestUntilQuietMs
    ) {
      await sleep(pollMs)
    }
  }

  /**
   * Ends connections whose client has sent a part of a request and sends no more, or has never sent a byte. Node does
   * not count them as idle, and it stops looking for late requests once the server is closed.
   */
  #closeSilent(silenceLimitMs: number): void {
    const now = performance.now()
    for (const [socket, responses] of this.#open) {
      const bytes = socket.bytesRead
      const heard = this.#heard.get(socket)
      if (heard === undefined || heard.bytes !== bytes || responses.some(isOurTurn)) {
        this.#heard.set(socket, { bytes, sinceMs: now })
      } else if (now - heard.sinceMs >= (bytes === 0 ? quietMs : silenceLimitMs)) {
        this.#giveUp(socket, responses)
      }
    }
  }

  #giveUp(socket: Socket, responses: readonly ServerResponse[]): void {
    const isAnswered = responses.some(({ headersSent }) => headersSent)
    if (socket.bytesRead === 0 || isAnswered || !socket.writable) socket.destroy()
    else
      refuse(
        socket,
        new ServiceError('request_timeout', 'the service stops, and the rest of the request did not come'),
      )
  }
}

/** Whether the client waits for the service: for an answer, or until it can send more of a body. */
function isOurTurn({ req }: ServerResponse): boolean {
  return req.complete || req.isPaused() || req.readableLength > 0
}

/** Of several responses on a connection only the last may say `close`, because the connection ends after it. */
function leaveAfter(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close')
}

function stayAfter(response: ServerResponse): void {
  if (!response.headersSent) response.removeHeader('connection')
}
