import { performance } from 'node:perf_hooks'
import { openThreadClock } from './thread-clock.ts'

/**
 * The accounting of the CPU ledger: it keeps the account that the thread runs for now, and charges CPU to it.
 *
 * A thread runs one thing at a time. At every boundary (a callback begins or ends, a promise continues) the
 * running slice ends and is added to its account. A request's CPU is the sum of its slices, so it does not
 * contain what ran for others in between.
 *
 * Slices are wall time. Three corrections turn them into CPU time:
 *
 * - Idle. Time that belongs to no account is a gap. The event loop sleeps only in gaps, so the growth of
 *   `nodeTiming.idleTime` is subtracted from them.
 * - Preemption. The kernel may run another thread within a slice. At the end of a tick (the first boundary after
 *   1 ms of slices) the slices are compared with the CPU clock of this thread. A slice that took suspiciously long
 *   ends the tick at once, and time that the CPU clock does not show is subtracted from that slice. Shorter
 *   interruptions are spread over the tick's accounts by scaling them down: the sum is exact, the single request gets
 *   an average. Slices are never scaled up.
 * - Helper threads. CPU of this process that other threads used (garbage collection, zlib, crypto, DNS, worker
 *   threads) has no slice. It goes to the bucket `helper_threads`.
 *
 * A garbage collection pause stays in the slice that it interrupted.
 *
 * Cost: a slice reads `performance.now()` (30 to 75 ns), a gap reads `idleTime` (20 to 45 ns), a tick takes about
 * 1 us. `npm run lab -- run ledger-price` measures the total.
 */

/** A tick ends when its slices add up to this. Longer ticks cost less, but spread preemption over more accounts. */
const shortestTickMs = 1
/** A longer slice is compared with the CPU clock alone. With a limit of 50 us, 50 us of computing was read as 45. */
const suspiciousSliceMs = 0.02

/** The buckets that the ledger itself fills. `Ledger.bucket` makes more, by name. */
const knownBuckets = [
  /** HTTP parsing and socket reads before a request starts. */
  'http',
  /** Callbacks of sockets that do not lead to a request: shared connections, callbacks without a context. */
  'sockets',
  /** What runs in a request's context after its response has ended. */
  'after_response',
  /** The ledger itself; the service adds span export and scrapes. */
  'telemetry',
  /** Other threads of this process. */
  'helper_threads',
  /** Before the ledger ran. */
  'startup',
  /** Timers without a request, and the event loop itself. */
  'rest',
] as const
export type KnownBucket = (typeof knownBuckets)[number]

/** What CPU can be charged to: a request, work that several requests share, or a bucket. */
export class CpuAccount {
  /** CPU of ended ticks, ms. */
  settledMs = 0
  /** Slices of the running tick, ms of wall time. */
  tickMs = 0
  /** No more work is expected; the figure is final at the end of the tick. */
  closed = false
  /** The figure is final. What still runs for this account is charged to `after_response`. */
  final = false
  /** The account is in the running tick's list. */
  listed = false

  /** Called once, when the figure is final. */
  settled(_ledger: Ledger): void {}
}

/** Work that serves several requests. When it is closed, its CPU is divided among them by weight. */
export class SharedAccount extends CpuAccount {
  readonly #members: readonly { account: CpuAccount; weight: number }[]

  /** @param members each with its part of the work, for example its number of rows. */
  constructor(members: readonly { account: CpuAccount; weight: number }[]) {
    super()
    this.#members = members
  }

  override settled(ledger: Ledger): void {
    const totalWeight = this.#members.reduce((sum, { weight }) => sum + weight, 0)
    if (totalWeight === 0) {
      ledger.bucket('rest').settledMs += this.settledMs
      return
    }
    for (const { account, weight } of this.#members) {
      const receiver = account.final ? ledger.bucket('after_response') : account
      receiver.settledMs += (this.settledMs * weight) / totalWeight
    }
  }
}

/** Totals since the process started. `requestsS` plus all buckets is `processS`, except for rounding. */
export interface CpuTotals {
  processS: number
  /** What requests were charged, the running ones included. */
  requestsS: number
  /** What belongs to no request, by bucket. */
  unattributedS: Readonly<Record<string, number>>
  /** The slices before scaling. The more they differ from the CPU clock, the less exact the ledger is. */
  unscaledS: number
}

/** Keeps the accounts of the thread that creates it. A thread has one. */
export class Ledger {
  readonly #buckets = new Map<string, CpuAccount>()
  readonly #threadCpuMs = openThreadClock()
  /** Accounts that the running tick has charged. */
  #listed: CpuAccount[] = []
  /** The account that the thread runs for; undefined in a gap. */
  #current: CpuAccount | undefined = undefined
  /** The account that is charged for a gap if no other account claims it. */
  #gapOwner: CpuAccount
  /** A callback without an account has begun within the gap. */
  #gapHasCallback = false
  /** The account whose slice ended when the gap began. */
  #left: CpuAccount | undefined = undefined
  readonly #rest: CpuAccount
  readonly #telemetry: CpuAccount
  #sliceStartMs = performance.now()
  #idleMs = performance.nodeTiming.idleTime
  #tickWallMs = 0
  #unscaledMs = 0
  /** CPU of the process that is in some account: everything up to the last tick. */
  #chargedMs = 0
  #requestsMs = 0
  #threadMs = 0
  /** CPU of the process before the ledger, and of its other threads since. */
  #otherThreadsMs = 0

  constructor() {
    for (const name of knownBuckets) this.#buckets.set(name, new CpuAccount())
    this.#rest = this.bucket('rest')
    this.#telemetry = this.bucket('telemetry')
    this.#gapOwner = this.#rest
    const processMs = processCpuMs()
    this.#threadMs = this.#threadCpuMs()
    this.#otherThreadsMs = processMs - this.#threadMs
    this.bucket('startup').settledMs = processMs
    this.#chargedMs = processMs
  }

  /** The account that the thread runs for; undefined in a gap. */
  get current(): CpuAccount | undefined {
    return this.#current
  }

  /** The bucket of this name; made at the first call. */
  bucket(name: KnownBucket | (string & {})): CpuAccount {
    let bucket = this.#buckets.get(name)
    if (bucket === undefined) {
      bucket = new CpuAccount()
      this.#buckets.set(name, bucket)
    }
    return bucket
  }

  /**
   * The thread runs for `account` from now on.
   * @param gapOwner the account that is charged for a gap that ends here; by default the owner that the gap began with.
   */
  enter(account: CpuAccount, gapOwner?: CpuAccount): void {
    if (this.#current === account) return
    this.#endSlice(gapOwner ?? this.#gapOwner)
    this.#current = account
  }

  /** The thread runs for no account from now on. If a gap is already running, it continues. */
  leave(): void {
    const left = this.#current
    if (left === undefined) return
    this.#endSlice(this.#rest)
    this.#beginGap(this.#rest, false)
    this.#left = left
  }

  /**
   * A callback of the event loop begins for `account`. Polling and reading the socket came before it, so that part of
   * the gap belongs to the account, unless another callback began in the same gap.
   */
  enterCallback(account: CpuAccount): void {
    this.enter(account, this.#gapHasCallback ? this.#gapOwner : account)
  }

  /** A callback of the event loop begins for no account. `gapOwner` is charged if no continuation claims it. */
  beginCallback(gapOwner: CpuAccount): void {
    if (this.#current !== undefined || this.#gapHasCallback) this.#endSlice(this.#gapOwner)
    this.#beginGap(gapOwner, true)
  }

  /**
   * A tick or a promise of `account` continues. It directly follows the callback that caused it, so the rest of that
   * callback's gap belongs to the account. If it follows a slice of the same account, that slice continues.
   */
  continue(account: CpuAccount): void {
    if (this.#current === undefined && this.#left === account && !this.#gapHasCallback)
      this.#current = account
    else this.enter(account, account)
  }

  /** The account's last slice ends here. */
  close(account: CpuAccount): void {
    if (account.closed) return
    account.closed = true
    this.#list(account)
    if (this.#current === account) this.leave()
  }

  /** The account's CPU so far, ms. Provisional until it is final: the running tick is not yet scaled. */
  readMs(account: CpuAccount): number {
    if (account.final) return account.settledMs
    const runningMs = this.#current === account ? performance.now() - this.#sliceStartMs : 0
    return account.settledMs + account.tickMs + runningMs
  }

  /** Ends the running tick and gives the totals. */
  totals(): CpuTotals {
    this.#endSlice(this.#gapOwner)
    this.#settle()
    this.#chargeHelperThreads()
    const unattributedS: Record<string, number> = {}
    let bucketsMs = 0
    for (const [name, { settledMs }] of this.#buckets) {
      unattributedS[name] = settledMs / 1000
      bucketsMs += settledMs
    }
    // A total must not fall, even by a rounding error: readers of counters take that for a restart.
    this.#requestsMs = Math.max(this.#requestsMs, this.#chargedMs - bucketsMs)
    return {
      processS: this.#chargedMs / 1000,
      requestsS: this.#requestsMs / 1000,
      unattributedS,
      unscaledS: this.#unscaledMs / 1000,
    }
  }

  #beginGap(owner: CpuAccount, hasCallback: boolean): void {
    this.#current = undefined
    this.#left = undefined
    this.#gapOwner = owner
    this.#gapHasCallback = hasCallback
  }

  #endSlice(gapOwner: CpuAccount): void {
    const nowMs = performance.now()
    let sliceMs = nowMs - this.#sliceStartMs
    this.#sliceStartMs = nowMs
    const owner = this.#current ?? gapOwner
    if (this.#current === undefined) sliceMs -= this.#newIdleMs()
    // May be negative, because the two clocks are read a few dozen nanoseconds apart.
    if (sliceMs <= 0) return
    this.#add(owner, sliceMs)
    if (sliceMs > suspiciousSliceMs) this.#settle(owner, sliceMs)
    else if (this.#tickWallMs >= shortestTickMs) this.#settle()
  }

  #add(account: CpuAccount, sliceMs: number): void {
    this.#list(account)
    account.tickMs += sliceMs
    this.#tickWallMs += sliceMs
  }

  /** How long the loop has slept since the last call. */
  #newIdleMs(): number {
    const idleMs = performance.nodeTiming.idleTime
    const newMs = idleMs - this.#idleMs
    this.#idleMs = idleMs
    return newMs
  }

  #list(account: CpuAccount): void {
    if (account.listed) return
    account.listed = true
    this.#listed.push(account)
  }

  #chargeHelperThreads(): void {
    // The two clocks are not read at the same moment, so the difference may be slightly negative.
    const newMs = Math.max(0, processCpuMs() - this.#threadCpuMs() - this.#otherThreadsMs)
    this.#otherThreadsMs += newMs
    this.#chargedMs += newMs
    this.bucket('helper_threads').settledMs += newMs
  }

  /**
   * Ends the tick: compares its slices with the CPU clock.
   * @param suspect the account whose slice of `suspectMs` has just ended. Time that the clock does not show is
   * subtracted from it: an interruption, or the loop's sleep if a callback had left its account open.
   */
  #settle(suspect?: CpuAccount, suspectMs = 0): void {
    const nowMs = this.#threadCpuMs()
    const threadMs = nowMs - this.#threadMs
    this.#threadMs = nowMs
    this.#chargedMs += threadMs
    // The kernel often interrupts at the end of such a system call. That time is in no slice.
    this.#sliceStartMs = performance.now()

    let slicesMs = this.#tickWallMs
    this.#tickWallMs = 0
    this.#unscaledMs += slicesMs
    if (suspect !== undefined && slicesMs > threadMs) {
      const notRunMs = Math.min(slicesMs - threadMs, suspectMs)
      suspect.tickMs -= notRunMs
      slicesMs -= notRunMs
      // A sleep that was subtracted here must not be subtracted from the next gap again.
      this.#newIdleMs()
    }
    const scale = slicesMs > threadMs ? threadMs / slicesMs : 1
    this.#rest.settledMs += Math.max(0, threadMs - slicesMs * scale)

    const listed = this.#listed
    this.#listed = []
    for (const account of listed) {
      account.listed = false
      const receiver = account.final ? this.bucket('after_response') : account
      receiver.settledMs += account.tickMs * scale
      account.tickMs = 0
    }
    // Shared work first: a member's figure is not final before it has its share.
    for (const account of listed) if (account instanceof SharedAccount) this.#finish(account)
    for (const account of listed) if (!(account instanceof SharedAccount)) this.#finish(account)
    this.#chargeOwnWork()
  }

  #finish(account: CpuAccount): void {
    if (!account.closed || account.final) return
    account.final = true
    account.settled(this)
  }

  /**
   * Since the boundary only the ledger has run, unless it was interrupted. Then the time stays in the next slice,
   * where the comparison with the CPU clock removes it.
   */
  #chargeOwnWork(): void {
    const nowMs = performance.now()
    const ownMs = nowMs - this.#sliceStartMs
    if (ownMs > suspiciousSliceMs) return
    this.#sliceStartMs = nowMs
    this.#add(this.#telemetry, ownMs)
  }
}

function processCpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
