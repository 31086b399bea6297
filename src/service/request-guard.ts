import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { ServiceError } from './errors.ts'
import type { OpenResponses } from './open-responses.ts'
import { refuse } from './problem.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body may take as long as it needs: the route itself limits how long its client may pause. */
    hasEndlessBody?: boolean
  }
}

/** What Node itself accepts as `100-continue` and answers with 100. */
const continueExpected = /(^|\W)100-continue($|\W)/i

/**
 * Answers with a problem what Node's HTTP server would refuse with an empty answer or none: a request of HTTP/1.1
 * without a Host, an expectation other than `100-continue`, and CONNECT. The server must be made with
 * `requireHostHeader: false`.
 * @param endlessBodies receives the connections whose current request has no time limit.
 */
export function guardRequests(
  app: FastifyInstance,
  { open, endlessBodies }: { open: OpenResponses; endlessBodies: WeakSet<Socket> },
): void {
  app.server.on('connect', (_request, socket: Socket) => {
    // Node has removed its own listeners, and an error that nobody hears would end the process.
    socket.on('error', () => {})
    refuseInTurn(socket, new ServiceError('http_malformed', 'CONNECT is for proxies'), open)
  })
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  // Not onRequest: this must run after all onRequest hooks, also those of routes. They observe and limit the request.
  app.addHook('preParsing', ({ raw, routeOptions }, _reply, _payload, done) => {
    if (raw.headers.host === undefined && raw.httpVersion === '1.1') {
      done(new ServiceError('http_malformed', 'a request of HTTP/1.1 needs a Host header'))
    } else if (raw.headers.expect !== undefined && !continueExpected.test(raw.headers.expect)) {
      done(new ServiceError('expectation_failed', 'only 100-continue is supported'))
    } else {
      if (routeOptions.config.hasEndlessBody) {
        endlessBodies.add(raw.socket)
        raw.once('close', () => endlessBodies.delete(raw.socket))
      }
      done()
    }
  })
}

/**
 * Refuses what a client has sent on a connection and closes it, but first lets the earlier requests of the connection
 * have their answers. Without that, the client would take the refusal for the answer to one of them.
 */
export function refuseInTurn(socket: Socket, error: ServiceError, open: OpenResponses): void {
  const responses = open.byConnection.get(socket) ?? []
  const earlier = responses.findLast(({ req }) => req.complete)
  if (earlier !== undefined) earlier.once('close', () => refuseInTurn(socket, error, open))
  else if (responses.some(({ headersSent }) => headersSent)) socket.destroy()
  else refuse(socket, error)
}
