import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/**
 * Stands between the service and PostgreSQL and breaks what lies between them on demand: what a failing
 * network, a restarting server or a crashed one looks like from the service.
 */
export class PostgresProxy {
  /** The database's URL by way of the proxy. */
  readonly url: string
  readonly #target: { host: string; port: number }
  readonly #port: number
  readonly #pairs = new Set<{ service: Socket; database: Socket }>()
  #server: Server
  #withholds = false
  #answered = Promise.withResolvers<void>()

  private constructor(target: URL, server: Server) {
    this.#target = { host: target.hostname, port: Number(target.port) }
    this.#server = server
    this.#port = (server.address() as AddressInfo).port
    const url = new URL(target)
    url.port = String(this.#port)
    this.url = url.href
    server.on('connection', socket => this.#join(socket))
  }

  /** @param databaseUrl of the server to stand before. */
  static async start(databaseUrl: string): Promise<PostgresProxy> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const proxy = new PostgresProxy(new URL(databaseUrl), server)
    onTestFinished(() => proxy.stop())
    return proxy
  }

  /** Connections that are open through the proxy. */
  get connections(): number {
    return this.#pairs.size
  }

  /** The server is gone: open connections are reset, new ones refused. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server.close(), 'close')
    this.cut()
    await closed
  }

  /** The server is back, where it was. */
  async restart(): Promise<void> {
    this.#server = createServer(socket => this.#join(socket)).listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  /** Resets all open connections. */
  cut(): void {
    for (const { service, database } of this.#pairs) {
      service.resetAndDestroy()
      database.resetAndDestroy()
    }
  }

  /** From now on the server's answers do not arrive; resolves when the first was kept back. */
  withholdAnswers(): Promise<void> {
    this.#withholds = true
    this.#answered = Promise.withResolvers()
    return this.#answered.promise
  }

  /** Answers arrive again, on new connections: those whose answers were kept back are reset. */
  deliverAnswers(): void {
    this.#withholds = false
    this.cut()
  }

  #join(service: Socket): void {
    const database = connect(this.#target)
    const pair = { service, database }
    this.#pairs.add(pair)
    service.on('data', chunk => database.write(chunk))
    database.on('data', chunk => {
      if (this.#withholds) this.#answered.resolve()
      else service.write(chunk)
    })
    const part = () => {
      this.#pairs.delete(pair)
      service.destroy()
      database.destroy()
    }
    for (const socket of [service, database]) {
      socket.on('error', part)
      socket.on('close', part)
    }
  }
}
