import { AsyncResource } from 'node:async_hooks'
import { context, ROOT_CONTEXT, type Span } from '@opentelemetry/api'
import { currentRequest, inBucket, type RequestAccount, shared } from '../ledger/index.ts'
import type { HistogramSeries } from './bound-series.ts'
import { noteInsertStrategy } from './request.ts'
import type { Telemetry as RealTelemetry } from './telemetry.ts'
import * as tracing from './tracing.ts'

/** What the store of callbacks needs. It goes when that store does. */
export type Series = HistogramSeries
export type Telemetry = ReturnType<typeof forOldStore>
export type { BatchSpan } from './tracing.ts'

export class CpuAccount {
  resource: AsyncResource | undefined

  run(callback: () => void): void {
    if (this.resource === undefined) callback()
    else this.resource.runInAsyncScope(callback)
  }
}

/** Where the code that asked for it goes on. */
export class RequestScope extends CpuAccount {
  readonly request: RequestAccount | undefined = currentRequest()
  wait: Span | null = null
  override resource = new AsyncResource('insertlab.wait')

  set insertStrategy(name: string) {
    noteInsertStrategy(name)
  }

  /** undefined: not sampled. */
  get span(): Span | undefined {
    this.wait = tracing.startBatchWait()
    return this.wait ?? undefined
  }
}

export class SharedCpuAccount extends CpuAccount {
  readonly #shares: { request: RequestAccount | undefined; weight: number }[] = []
  close = () => {}

  add({ request }: RequestScope, weight: number): void {
    this.#shares.push({ request, weight })
  }

  override run(callback: () => void): void {
    if (this.resource === undefined) {
      const start = () => {
        this.resource = new AsyncResource('insertlab.batch')
        return new Promise<void>(resolve => {
          this.close = resolve
        })
      }
      context.with(ROOT_CONTEXT, () => void shared(this.#shares, start))
    }
    super.run(callback)
  }
}

export function startBatchWait(scope: RequestScope): Span {
  return scope.wait as Span
}

export function startBatchSpan(scopes: readonly RequestScope[], table: string, rows: number) {
  return tracing.startBatchSpan(
    scopes.flatMap(({ wait }) => wait ?? []),
    table,
    rows,
  )
}

export function isSampled(_scope: RequestScope | null): boolean {
  return true
}

export function forOldStore({ metrics }: RealTelemetry) {
  const outside = new CpuAccount()
  inBucket('rest', () => {
    outside.resource = new AsyncResource('insertlab.outside')
  })
  return {
    metrics,
    ledger: {
      bucket: { pg_protocol: undefined },
      get current(): CpuAccount {
        return new RequestScope()
      },
      enter(..._accounts: unknown[]): void {},
      close: (account: SharedCpuAccount) => account.close(),
    },
    get scope(): RequestScope | null {
      return new RequestScope()
    },
    resume: (account: CpuAccount | undefined, callback: () => void) => (account ?? outside).run(callback),
  }
}
