import { executionAsyncId } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { CpuAccount, type Ledger } from './accounting.ts'
import type { Boundaries } from './boundaries.ts'
import { whenEnded } from './request-end.ts'
import { expressRoute, watchFastifyRoutes } from './routes.ts'

/** One HTTP request and its CPU. */
export class RequestAccount extends CpuAccount {
  readonly method: string
  /** The pattern, such as `/tasks/:id`; undefined if the framework does not report it. Never the URL. */
  route: string | undefined = undefined
  /** undefined while there is no answer, and if the client went away before it was complete. */
  statusCode: number | undefined = undefined
  /** On the clock of `performance.now()`. */
  readonly startMs = performance.now()
  /** From the start until the response closed; undefined before that. */
  durationS: number | undefined = undefined
  /** Whatever the application wants to find again in `onRequestEnd`, for example labels of its own. */
  readonly attributes: Record<string, string> = {}
  readonly #ledger: Ledger
  readonly #whenFinal: (request: RequestAccount) => void

  constructor(method: string, ledger: Ledger, whenFinal: (request: RequestAccount) => void) {
    super()
    this.method = method
    this.#ledger = ledger
    this.#whenFinal = whenFinal
  }

  /** CPU so far, seconds. Provisional while the request is open, final in `onRequestEnd`. */
  get cpuS(): number {
    return this.#ledger.readMs(this) / 1000
  }

  override settled(): void {
    this.#whenFinal(this)
  }
}

/** The message of Node's channel `http.server.request.start`. */
interface RequestStart {
  request: IncomingMessage
  response: ServerResponse
  socket: Socket
  server: Server
}

/**
 * Opens an account for each request that an HTTP server of this process receives, and closes it when the response
 * closes. This works for all frameworks that use `node:http`. HTTP/2 has no such channel, so its requests are not seen.
 */
export class Requests {
  readonly #ledger: Ledger
  readonly #boundaries: Boundaries
  readonly #whenFinal: (request: RequestAccount) => void
  /** Servers whose requests are charged to a bucket. */
  readonly #bucketOf = new WeakMap<Server, CpuAccount>()

  /** @param whenFinal gets each request when its figure is final. */
  constructor(ledger: Ledger, boundaries: Boundaries, whenFinal: (request: RequestAccount) => void) {
    this.#ledger = ledger
    this.#boundaries = boundaries
    this.#whenFinal = whenFinal
  }

  /** Subscribes for as long as the process lives. */
  watch(): void {
    subscribe('http.server.request.start', message => this.#start(message as RequestStart))
    watchFastifyRoutes(route => {
      const { carried } = this.#boundaries
      if (carried instanceof RequestAccount) carried.route = route
    })
  }

  /** The server's requests are not the application's: their CPU goes to the bucket. */
  chargeServer(server: Server, bucket: string): void {
    this.#bucketOf.set(server, this.#ledger.bucket(bucket))
  }

  #start({ request, response, socket, server }: RequestStart): void {
    const http = this.#ledger.bucket('http')
    const bucket = this.#bucketOf.get(server)
    if (bucket !== undefined) {
      this.#boundaries.enterWith(bucket, bucket)
      return
    }
    const account = new RequestAccount(request.method ?? '', this.#ledger, this.#whenFinal)
    this.#boundaries.enterWith(account, http)
    const parserId = executionAsyncId()
    if (hasBody(request)) this.#boundaries.readBodyFor(parserId, account)

    whenEnded({ socket, response, event: 'close' }, () => {
      this.#boundaries.endBodyOf(parserId, account)
      account.route ??= expressRoute(request)
      if (response.writableFinished) account.statusCode = response.statusCode
      account.durationS = (performance.now() - account.startMs) / 1000
      this.#ledger.close(account)
    })
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}
