import { AsyncLocalStorage, AsyncResource, createHook, executionAsyncResource } from 'node:async_hooks'
import { promiseHooks } from 'node:v8'
import type { CpuAccount, Ledger } from './accounting.ts'

/**
 * The automatic boundaries: they tell the ledger for which account the thread runs, with no change to the application.
 *
 * An AsyncLocalStorage carries the account through all that a request starts. Two kinds of hooks read it:
 *
 * - `async_hooks` `before` and `after`: callbacks of sockets, timers, ticks, file and DNS calls, AsyncResource.
 * - `v8.promiseHooks` `before` and `after`: continuations of promises, which is what runs after an `await`.
 *
 * Three kinds of callbacks cannot be trusted with the account that they carry:
 *
 * - A socket keeps the context in which it was opened. A pooled database connection is opened by one request and then
 *   works for all. So a socket's callback runs for no account at first. If a continuation of a request follows directly
 *   (the answer to its query has arrived), the read is charged to that request, otherwise to the bucket `sockets`.
 * - A body's parts arrive in callbacks of the HTTP parser, which belong to the connection. `bodyReaders` maps the
 *   parser to the request that it reads now.
 * - What continues in a request's context after its response has ended goes to the bucket `after_response`.
 *
 * Node before 24.14 has no `trackPromises` option. There, `async_hooks` reports promises as well, at a higher price.
 */
export class Boundaries {
  readonly #ledger: Ledger
  readonly #storage = new AsyncLocalStorage<CpuAccount | undefined>()
  /** By the async id of a connection's HTTP parser: the request whose body it reads. */
  readonly #bodyReaders = new Map<number, CpuAccount>()
  /** The accounts of the callbacks in which the current one is nested; undefined: a gap. */
  readonly #outer: (CpuAccount | undefined)[] = []
  /** A promise continues now. Callbacks that it calls are nested in it. */
  #promiseContinues = false
  /** The hook is reading the context of an AsyncResource, by running in it. */
  #asksResource = false
  /**
   * Kept so that one tick's object is always alive. V8 drops the hidden class of ticks when a garbage collection finds
   * none of them, and `process.nextTick` then takes 350 ns instead of 40, for as long as the process lives.
   */
  lastTick: object | undefined = undefined
  readonly #http: CpuAccount
  readonly #sockets: CpuAccount
  readonly #rest: CpuAccount
  readonly #afterResponse: CpuAccount

  constructor(ledger: Ledger) {
    this.#ledger = ledger
    this.#http = ledger.bucket('http')
    this.#sockets = ledger.bucket('sockets')
    this.#rest = ledger.bucket('rest')
    this.#afterResponse = ledger.bucket('after_response')
  }

  /** Installs the hooks, for as long as the process lives. */
  install(): void {
    const hooks = { before: this.#before, after: this.#after }
    if (hasTrackPromises()) {
      createHook({ ...hooks, trackPromises: false }).enable()
      promiseHooks.createHook({ before: this.#beforePromise, after: this.#afterPromise })
    } else {
      createHook(hooks).enable()
    }
  }

  /** The account that the running code carries. */
  get carried(): CpuAccount | undefined {
    return this.#storage.getStore()
  }

  /** The rest of this callback, and all that it starts, runs for `account`. */
  enterWith(account: CpuAccount, gapOwner?: CpuAccount): void {
    this.#storage.enterWith(account)
    this.#ledger.enter(account, gapOwner)
  }

  /** `callback`, and all that it starts, runs for `account`. Afterwards the thread runs for the previous account. */
  run<T>(account: CpuAccount, callback: () => T): T {
    const outer = this.#ledger.current
    this.#ledger.enter(account)
    try {
      return this.#storage.run(account, callback)
    } finally {
      this.#return(outer)
    }
  }

  /** Body parts that the HTTP parser `parserId` reads from now on are for `account`. */
  readBodyFor(parserId: number, account: CpuAccount): void {
    this.#bodyReaders.set(parserId, account)
  }

  /** The request has ended. A later request of the connection may already read its body by the same parser. */
  endBodyOf(parserId: number, account: CpuAccount): void {
    if (this.#bodyReaders.get(parserId) === account) this.#bodyReaders.delete(parserId)
  }

  readonly #before = (asyncId: number): void => {
    if (this.#asksResource) return
    const isNested = this.#outer.length > 0 || this.#promiseContinues
    this.#outer.push(isNested ? this.#ledger.current : undefined)
    const resource = executionAsyncResource()
    const account =
      resource instanceof AsyncResource ? this.#carriedBy(resource) : this.#carriedOrBodyOf(asyncId)
    if (isNested) {
      if (account === undefined) this.#ledger.leave()
      else if (!account.closed) this.#ledger.enter(account, account)
      return
    }
    const kind = kindOf(resource)
    if (kind === 'tick') this.lastTick = resource
    if (kind === 'socket') this.#ledger.beginCallback(this.#sockets)
    else if (kind === 'tick' && account?.closed) this.#ledger.leave()
    else if (kind === 'tick' || kind === 'promise') this.#continue(account)
    else if (account === undefined) this.#ledger.beginCallback(kind === 'http' ? this.#http : this.#rest)
    else this.#ledger.enterCallback(account.closed ? this.#afterResponse : account)
  }

  readonly #after = (): void => {
    if (this.#asksResource) return
    this.#return(this.#outer.pop())
  }

  readonly #beforePromise = (): void => {
    this.#promiseContinues = true
    this.#continue(this.#storage.getStore())
  }

  readonly #afterPromise = (): void => {
    this.#promiseContinues = false
    if (this.#outer.length === 0) this.#ledger.leave()
  }

  /** Ticks and promises directly follow the callback that caused them, so the rest of its gap belongs to them. */
  #continue(account: CpuAccount | undefined): void {
    if (account === undefined) this.#ledger.leave()
    else if (account.closed) this.#ledger.enter(this.#afterResponse)
    else this.#ledger.continue(account)
  }

  #return(outer: CpuAccount | undefined): void {
    if (outer === undefined) this.#ledger.leave()
    else this.#ledger.enter(outer)
  }

  /** Node 24 calls the hook of an AsyncResource before it switches to the context of that resource. */
  #carriedBy(resource: AsyncResource): CpuAccount | undefined {
    this.#asksResource = true
    try {
      return resource.runInAsyncScope(this.#readStorage)
    } finally {
      this.#asksResource = false
    }
  }

  readonly #readStorage = (): CpuAccount | undefined => this.#storage.getStore()

  #carriedOrBodyOf(asyncId: number): CpuAccount | undefined {
    const carried = this.#storage.getStore()
    if (carried !== undefined || this.#bodyReaders.size === 0) return carried
    const reader = this.#bodyReaders.get(asyncId)
    if (reader !== undefined) this.#storage.enterWith(reader)
    return reader
  }
}

type Kind = 'http' | 'socket' | 'tick' | 'promise' | 'other'

/** By the name of the resource's class. Sockets and similar resources work for many requests. */
const kindByClass: Readonly<Record<string, Kind>> = {
  HTTPServerAsyncResource: 'http',
  TCP: 'socket',
  Pipe: 'socket',
  TLSWrap: 'socket',
  UDP: 'socket',
  JSStream: 'socket',
  MessagePort: 'socket',
  Http2Session: 'socket',
  Promise: 'promise',
}
const kinds = new WeakMap<object, Kind>()

function kindOf(resource: object): Kind {
  const type = resource.constructor
  // A tick's resource is a plain object.
  if (type === Object) return 'tick'
  if (type === undefined) return 'other'
  let kind = kinds.get(type)
  if (kind === undefined) {
    kind = kindByClass[type.name] ?? 'other'
    kinds.set(type, kind)
  }
  return kind
}

function hasTrackPromises(): boolean {
  try {
    createHook({ trackPromises: 'unknown to older versions' as unknown as boolean })
    return false
  } catch {
    return true
  }
}
