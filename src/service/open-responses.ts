import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** The responses of a server that have not ended. */
export class OpenResponses {
  /** In the order of their requests. `ledger/request-end.ts` says why this is not one Set of all responses. */
  readonly byConnection: ReadonlyMap<Socket, readonly ServerResponse[]>

  /** @param server must not listen yet. */
  constructor(server: Server) {
    const byConnection = new Map<Socket, ServerResponse[]>()
    this.byConnection = byConnection
    server.on('connection', (socket: Socket) => {
      byConnection.set(socket, [])
      socket.once('close', () => byConnection.delete(socket))
    })
    // Runs before Fastify's own listener, because that one may answer at once.
    server.prependListener('request', (request, response) => {
      const open = byConnection.get(request.socket)
      open?.push(response)
      response.once('close', () => open?.splice(open.indexOf(response), 1))
    })
  }
}
