import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'

/**
 * Stands between a client and its server, as a rule the service and PostgreSQL, and breaks what lies between them on
 * demand: what a failing network, a restarting server or a crashed one looks like from the client.
 */
export class TcpProxy {
  /** The server's URL by way of the proxy. */
  readonly url: string
  readonly #port: number
  readonly #pairs = new Set<Pair>()
  #target: { host: string; port: number }
  #server: Server
  #withholds = false
  #loses = false
  #delayMs = 0
  #accepted = 0
  #answered = Promise.withResolvers<void>()

  private constructor(target: URL, server: Server) {
    this.#target = addressOf(target)
    this.#server = server
    this.#port = (server.address() as AddressInfo).port
    const url = new URL(target)
    url.port = String(this.#port)
    this.url = url.href
    server.on('connection', socket => this.#join(socket))
  }

  /** @param targetUrl of the server to stand before. */
  static async start(targetUrl: string): Promise<TcpProxy> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const proxy = new TcpProxy(new URL(targetUrl), server)
    onTestFinished(() => proxy.stop())
    return proxy
  }

  /** Connections that are open through the proxy. */
  get connections(): number {
    return this.#pairs.size
  }

  /** Connections that clients have ever opened, whether or not the server took them. */
  get accepted(): number {
    return this.#accepted
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
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy()
      server.resetAndDestroy()
    }
  }

  /** New connections go to another server; those that are open stay where they are. */
  switchTo(targetUrl: string): void {
    this.#target = addressOf(new URL(targetUrl))
  }

  /** From now on everything arrives so much later, in both directions. */
  delay(delayMs: number): void {
    this.#delayMs = delayMs
  }

  /** From now on nothing arrives on the open connections, and neither side is told. New connections work. */
  loseOpen(): void {
    for (const pair of this.#pairs) pair.isLost = true
  }

  /** From now on nothing arrives, on new connections either, and neither side is told. */
  loseAll(): void {
    this.#loses = true
    this.loseOpen()
  }

  /** New connections work again. Those that were lost stay so. */
  carryNew(): void {
    this.#loses = false
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

  #join(client: Socket): void {
    this.#accepted += 1
    const server = connect(this.#target)
    const pair: Pair = { client, server, isLost: this.#loses }
    this.#pairs.add(pair)
    const [upwards, downwards] = [new Delayed(), new Delayed()]
    client.on('data', chunk => upwards.run(this.#delayMs, () => pair.isLost || server.write(chunk)))
    server.on('data', chunk => {
      if (this.#withholds) this.#answered.resolve()
      else downwards.run(this.#delayMs, () => pair.isLost || client.write(chunk))
    })
    const part = () => {
      // The end of one side does not arrive at the other either.
      if (pair.isLost && !(client.destroyed && server.destroyed)) return
      this.#pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) {
      socket.on('error', part)
      socket.on('close', part)
    }
  }
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
  /** What is sent on it arrives nowhere. */
  isLost: boolean
}

/** Does things later and in their order, also if the delay changes meanwhile. */
class Delayed {
  #last: Promise<void> | null = null

  run(delayMs: number, work: () => void): void {
    if (delayMs === 0 && this.#last === null) {
      work()
      return
    }
    const waited = Promise.all([sleep(delayMs), this.#last])
    const last = waited.then(() => {
      work()
      if (this.#last === last) this.#last = null
    })
    this.#last = last
  }
}

function addressOf({ hostname, port }: URL): { host: string; port: number } {
  return { host: hostname, port: Number(port) }
}
