import type { Duplex } from 'node:stream'
import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import pg from 'pg'
import type { CpuAccount } from '../../telemetry/old-store-shims.ts'
import { isSampled, type Telemetry } from '../../telemetry/old-store-shims.ts'

/**
 * One connection to PostgreSQL, and whom it works for.
 *
 * This is where the CPU ledger crosses the database client: the client's socket events arrive in nobody's
 * name, so the connection knows whom it works for, and what is read from the socket is charged to them.
 */
export class Connection {
  readonly client: pg.Client
  /** Whom it works for; nobody: what it reads is charged to the protocol. */
  account: CpuAccount | undefined = undefined
  /** Of no further use: it has ended, or nobody knows what state it is in. */
  isBroken = false
  /** Resolves when it has ended, from either side. */
  readonly ended: Promise<void>
  readonly #telemetry: Telemetry

  /** @param broken called when it breaks or ends, also while somebody uses it, who hears of it from the query. */
  constructor(config: pg.ClientConfig, telemetry: Telemetry, broken: () => void) {
    this.client = new pg.Client(config)
    this.#telemetry = telemetry
    const breaks = () => {
      this.isBroken = true
      broken()
    }
    this.client.on('error', breaks)
    this.client.on('end', breaks)
    this.ended = new Promise(resolve => this.client.once('end', resolve))
  }

  /** Connects and logs in. In nobody's trace context: the socket would keep it for all that it ever reads. */
  open(opened: (error: Error | null) => void): void {
    const connect = () =>
      this.client.connect((error: Error | null) => {
        if (!error) this.#watchSocket()
        opened(error)
      })
    if (isSampled(this.#telemetry.scope)) context.with(ROOT_CONTEXT, connect)
    else connect()
  }

  /** Says goodbye; what waits on it is still answered. */
  end(): void {
    this.isBroken = true
    this.client.end(() => {})
  }

  /** Cuts a connection whose server does not answer any more; what waits on it fails. */
  cut(): void {
    this.isBroken = true
    this.#socket.destroy()
  }

  #watchSocket(): void {
    const { ledger } = this.#telemetry
    const { pg_protocol: protocol } = ledger.bucket
    this.#socket.prependListener('data', () => ledger.enter(this.account ?? protocol, protocol))
  }

  /** The client has no public way to it. */
  get #socket(): Duplex {
    return (this.client as unknown as { connection: { stream: Duplex } }).connection.stream
  }
}
