import type { Server } from 'node:http'
import { type CpuTotals, Ledger, SharedAccount } from './accounting.ts'
import { Boundaries } from './boundaries.ts'
import { RequestAccount, Requests } from './requests.ts'
import { warn } from './warning.ts'

export type RequestEnd = (request: RequestAccount) => void

/** A request and its part of shared work. */
export interface Share {
  /** As `currentRequest` gave it; undefined: this part belongs to no request. */
  request: RequestAccount | undefined
  weight: number
}

/** The ledger of a thread. `accounting.ts` keeps the accounts. The other files tell it whom the thread works for. */
export class CpuLedger {
  readonly #ledger = new Ledger()
  readonly #boundaries = new Boundaries(this.#ledger)
  readonly #requests = new Requests(this.#ledger, this.#boundaries, request => this.#ended(request))
  readonly #listeners = new Set<RequestEnd>()

  /** Installs the hooks, for as long as the process lives. */
  start(): void {
    this.#boundaries.install()
    this.#requests.watch()
  }

  get currentRequest(): RequestAccount | undefined {
    const { carried } = this.#boundaries
    return carried instanceof RequestAccount ? carried : undefined
  }

  onRequestEnd(listener: RequestEnd): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  totals(): CpuTotals {
    return this.#ledger.totals()
  }

  shared<T>(shares: readonly Share[], work: () => Promise<T>): Promise<T> {
    const rest = this.#ledger.bucket('rest')
    const account = new SharedAccount(
      shares.map(({ request, weight }) => ({ account: request ?? rest, weight })),
    )
    return this.#boundaries.run(account, async () => {
      try {
        return await work()
      } finally {
        this.#ledger.close(account)
      }
    })
  }

  inBucket<T>(bucket: string, work: () => T): T {
    return this.#boundaries.run(this.#ledger.bucket(bucket), work)
  }

  chargeServerTo(server: Server, bucket: string): void {
    this.#requests.chargeServer(server, bucket)
  }

  /** Runs in the middle of the accounting, so nothing may be thrown from here. */
  #ended(request: RequestAccount): void {
    for (const listener of this.#listeners) {
      try {
        listener(request)
      } catch (error) {
        warn(`a listener of onRequestEnd failed: ${String(error)}`)
      }
    }
  }
}
