import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'

/** So long without a request, and every client that has one to send has been told to send it elsewhere. */
const quietMs = 250
/** Clients that open connection after connection are turned away in the end. */
const longestMs = 2_000
const pollMs = 25

/**
 * Ends a server's connections without losing a request that a client has already sent.
 *
 * Closing an idle connection may cross a request on its way, which the client then sees reset. So before
 * anything is closed every answer says `Connection: close`, and busy clients leave of their own accord. The
 * price is a quarter of a second at each stop.
 */
export class Drain {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  /** @param server before it listens. */
  constructor(server: Server) {
    this.#server = server
    server.on('connection', socket => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  /**
   * Resolves when every request is answered and every connection closed.
   * @param options.listensMeanwhile whether new connections are still taken until it is quiet. Behind a
   * balancer that is still looking at readiness they must be; behind a supervisor, who gives them to another
   * worker, they must not.
   */
  async end({ listensMeanwhile }: { listensMeanwhile: boolean }): Promise<void> {
    const closedEarly = listensMeanwhile ? null : this.#stopListening()
    await this.#untilQuiet()
    const closed = closedEarly ?? this.#stopListening()
    this.#closeUnused()
    const rest = setInterval(() => this.#closeUnused(), quietMs)
    await closed
    clearInterval(rest)
  }

  /** By the TCP server's own `close`: the HTTP server's would close idle connections at once. */
  #stopListening(): Promise<void> {
    return new Promise(resolve => NetServer.prototype.close.call(this.#server, () => resolve()))
  }

  /** Resolves when no more requests come, or too many. */
  async #untilQuiet(): Promise<void> {
    const startMs = performance.now()
    let lastRequestMs = startMs
    for (const socket of this.#sockets) leaveAfter(answerIn(socket))
    this.#server.prependListener('request', (_request: IncomingMessage, answer: ServerResponse) => {
      leaveAfter(answer)
      lastRequestMs = performance.now()
    })
    while (performance.now() - lastRequestMs < quietMs && performance.now() - startMs < longestMs) {
      await sleep(pollMs)
    }
  }

  /** Connections between two requests, and those that never carried a byte, which Node does not call idle. */
  #closeUnused(): void {
    this.#server.closeIdleConnections()
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy()
  }
}

function leaveAfter(answer: ServerResponse | undefined): void {
  if (answer !== undefined) answer.shouldKeepAlive = false
}

/** What the connection's client waits for. Node has no public way from a socket to it. */
function answerIn(socket: Socket): ServerResponse | undefined {
  return (socket as { _httpMessage?: ServerResponse })._httpMessage ?? undefined
}
