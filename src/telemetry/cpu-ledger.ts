/**
 * The CPU ledger: what each request cost in CPU, under any concurrency.
 *
 * A thread runs one thing at a time. The ledger keeps the *account* for which it runs now, and at every
 * boundary the code knows (request arrived, query result arrived, reply sent …) `enter` closes the running
 * slice and opens the next. A request's CPU is the sum of its slices, so what ran for others in between,
 * which `process.cpuUsage()` at start and end would charge to it, is not in it.
 *
 * Three corrections turn wall time into CPU time:
 *
 * - **Idle.** Between two callbacks the thread runs for nobody: the *gap*. It is there that the loop sleeps
 *   in poll, so the growth of `nodeTiming.idleTime` is taken off the gap. What remains of a gap is known by
 *   what ends it: a gap before a new request was HTTP parsing, one before a query's result was a socket
 *   read of the database client.
 * - **Preemption.** Slices are wall time, and the kernel may have run somebody else within one. At the end
 *   of a *tick*, the first boundary after a millisecond of slices, they are compared with the CPU clock of
 *   this thread. A preemption lasts longer than most slices, so a slice that took suspiciously long ends the
 *   tick, and what the clock misses is taken off that slice, exactly. What shorter interruptions leave is
 *   spread over the tick's accounts by scaling them down: exact in the sum, an average for the single
 *   request. Slices are never scaled up. (Scaling alone is not enough: on two full cores it read 200 us of
 *   pure computing as 146, because the kernel rather interrupts a slice that wakes others by writing to
 *   sockets than one that only computes.)
 * - **Helper threads.** CPU of the process that is not this thread's (GC helpers, zlib, crypto, DNS) has
 *   no slice; it goes to the bucket `helper_threads`.
 *
 * The CPU clock of the thread is read at the end of each tick (`thread-clock.ts`), that of the process only when
 * totals are asked for.
 *
 * A garbage collection pause stays in the slice that it interrupted: the request that allocated the last
 * drop pays for the sweep. The metric `v8js_gc_duration_seconds` counts the same time a second time, under
 * its own name; nothing is subtracted anywhere.
 *
 * A slice ends at a boundary and nowhere else. So whoever begins to wait says so with `enter(undefined)`; where nobody did,
 * what runs next without a boundary of its own, a few microseconds of parsing, is charged to the account that was left,
 * and the loop's sleep is not: the CPU clock misses it. An immediate that ends what a turn of the loop has left open
 * took some 1.5 % of a prepared insert's CPU, at a turn for each insert, and did not help where a turn serves several
 * callbacks.
 *
 * What it costs: a slice is one `performance.now()` (30 to 75 ns), a gap one `idleTime` (20 to 45 ns), a tick about
 * 1 us. `npm run lab -- run observability-price` measures it.
 */

import { performance } from 'node:perf_hooks'
import { openThreadClock } from '../ledger/thread-clock.ts'

export const buckets = ['http', 'pg_protocol', 'telemetry', 'helper_threads', 'startup', 'rest'] as const
/**
 * What belongs to no request. `http`: HTTP parsing and socket reads; `pg_protocol`: reads from database
 * sockets and queries of nobody; `telemetry`: this ledger, span export, scrapes; `startup`: all before the
 * ledger ran; `rest`: timers, the event loop itself, and what ran for requests whose client had gone.
 */
export type Bucket = (typeof buckets)[number]

/**
 * Slices are gathered until there is this much of them. A longer tick reads the CPU clocks less often, which
 * is most of the ledger's price; it also blurs a preemption over more requests, and delays their figures.
 * 4 ms, and a limit below that follows the lengths of the slices, were measured 2 to 3 % cheaper per prepared
 * insert, and read 50 us of injected computing 14 to 35 % wrong on two full cores.
 */
const shortestTickMs = 1
/**
 * A slice longer than this is held against the CPU clock by itself, which costs 0.3 to 1 us, and is cleared of what
 * interrupted it; a shorter one is not. With 50 us, on a machine that spent 40 on a request, the shorter ones kept so much
 * that 50 us of injected computing read as 45 at half load; with 20 us they read as 49.7.
 */
const suspiciousSliceMs = 0.02

/** One party that CPU can be charged to: a request, a batch of requests, or a bucket. */
export class CpuAccount {
  /** CPU of ended ticks, ms: scaled, final. */
  settledMs = 0
  /** Slices of the running tick, ms: wall time, not yet held against the CPU clock. */
  tickMs = 0
  /** The figure is final at the end of the tick. */
  closed = false
  /** `settled` has been called: whatever else runs for it is charged to a bucket. */
  final = false
  /** Already in the running tick's list. */
  listed = false

  /**
   * Called once, at the end of the tick in which the account was closed, when its figure is final.
   * @param _tooLate takes what came for an account after that.
   */
  settled(_tooLate: CpuAccount): void {}
}

/** What a batch cost for all of its members; at the end it is divided among them by weight. */
export class SharedCpuAccount extends CpuAccount {
  readonly #members: { account: CpuAccount; weight: number }[] = []
  #totalWeight = 0

  /** @param weight the member's part of the work, for example its rows. */
  add(account: CpuAccount, weight: number): void {
    this.#members.push({ account, weight })
    this.#totalWeight += weight
  }

  override settled(tooLate: CpuAccount): void {
    for (const { account, weight } of this.#members) {
      charge(account.final ? tooLate : account, (this.settledMs * weight) / this.#totalWeight)
    }
  }
}

/** Totals since the process started, ms. `attributed` plus all buckets is `process`, but for rounding. */
export interface CpuTotals {
  processMs: number
  /** What requests were charged, the running ones included. */
  attributedMs: number
  unattributedMs: Readonly<Record<Bucket, number>>
  /** The same slices before scaling: how far they are from the CPU clock tells how far to trust them. */
  unscaledMs: number
}

/** The boundary calls that instrumented code makes. {@link CpuLedger} keeps accounts; `noLedger` keeps none. */
export interface Ledger {
  readonly bucket: Readonly<Record<Bucket, CpuAccount>>
  /** The account that the thread runs for now; undefined in a gap. */
  readonly current: CpuAccount | undefined
  /**
   * The thread runs for `account` from here on (undefined: for nobody, a gap begins).
   * @param gapOf who a gap that ends here is charged to.
   * @returns the account it ran for until now, so that a nested run can restore it.
   */
  enter(account: CpuAccount | undefined, gapOf?: CpuAccount): CpuAccount | undefined
  /** The account's last slice ends here. */
  close(account: CpuAccount): void
  /** The account's CPU so far, ms. Provisional: the running tick is not yet scaled. */
  readMs(account: CpuAccount): number
  /** Ends the running tick now and gives the totals. */
  totals(): CpuTotals
}

/** Keeps accounts for the thread that creates it; a thread has one. */
export class CpuLedger implements Ledger {
  readonly bucket: Readonly<Record<Bucket, CpuAccount>>
  current: CpuAccount | undefined = undefined

  readonly #threadCpuMs = openThreadClock()
  /** What the running tick has charged so far. */
  readonly #listed: CpuAccount[] = []
  #sliceStartMs = performance.now()
  #idleMs = performance.nodeTiming.idleTime
  #tickWallMs = 0
  #unscaledMs = 0
  /** CPU of the process that is in some account, which is all up to the last tick. */
  #foldedMs = 0
  #attributedMs = 0
  #threadMs = 0
  /** CPU of the process before the ledger, and of its other threads since. */
  #elsewhereMs = 0

  constructor() {
    this.bucket = Object.fromEntries(buckets.map(name => [name, new CpuAccount()])) as Record<
      Bucket,
      CpuAccount
    >
    const processMs = processCpuMs()
    this.#threadMs = this.#threadCpuMs()
    this.#elsewhereMs = processMs - this.#threadMs
    this.bucket.startup.settledMs = processMs
    this.#foldedMs = processMs
  }

  enter(account: CpuAccount | undefined, gapOf: CpuAccount = this.bucket.rest): CpuAccount | undefined {
    const previous = this.current
    if (previous !== account) this.#switchTo(account, gapOf)
    return previous
  }

  close(account: CpuAccount): void {
    if (account.closed) return
    account.closed = true
    this.#list(account)
    if (this.current === account) this.enter(undefined)
  }

  readMs(account: CpuAccount): number {
    const runningMs = this.current === account ? performance.now() - this.#sliceStartMs : 0
    return account.settledMs + account.tickMs + runningMs
  }

  totals(): CpuTotals {
    this.#endTick()
    this.#foldHelperThreads()
    const unattributedMs = Object.fromEntries(
      buckets.map(name => [name, this.bucket[name].settledMs]),
    ) as Record<Bucket, number>
    const bucketsMs = Object.values(unattributedMs).reduce((sum, ms) => sum + ms, 0)
    // A total must not fall, be it by a rounding error: whoever reads counters takes that for a restart.
    this.#attributedMs = Math.max(this.#attributedMs, this.#foldedMs - bucketsMs)
    return {
      processMs: this.#foldedMs,
      attributedMs: this.#attributedMs,
      unattributedMs,
      unscaledMs: this.#unscaledMs,
    }
  }

  #switchTo(account: CpuAccount | undefined, gapOf: CpuAccount): void {
    const { current } = this
    const nowMs = performance.now()
    let sliceMs = nowMs - this.#sliceStartMs
    this.#sliceStartMs = nowMs
    this.current = account
    if (current === undefined) sliceMs -= this.#newIdleMs()
    // The two clocks are read a few dozen nanoseconds apart.
    if (sliceMs <= 0) return
    const owner = current ?? gapOf
    this.#add(owner, sliceMs)
    if (sliceMs > suspiciousSliceMs) this.#settle(owner, sliceMs)
    else if (this.#tickWallMs >= shortestTickMs) this.#settle()
  }

  #add(account: CpuAccount, sliceMs: number): void {
    this.#list(account)
    account.tickMs += sliceMs
    this.#tickWallMs += sliceMs
  }

  /** How long the loop has slept since this was last asked. */
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

  #endTick(): void {
    this.#switchTo(this.current, this.bucket.rest)
    this.#settle()
  }

  #foldHelperThreads(): void {
    // The two clocks are read a moment apart.
    const newMs = Math.max(0, processCpuMs() - this.#threadCpuMs() - this.#elsewhereMs)
    this.#elsewhereMs += newMs
    this.#foldedMs += newMs
    charge(this.bucket.helper_threads, newMs)
  }

  /**
   * Ends the tick, at a boundary: holds its slices against the CPU clock.
   * @param suspect whose slice, of `suspectMs`, has just ended and is taken to hold what the clock misses:
   * an interruption, or the loop's sleep where a callback had left its account open.
   */
  #settle(suspect?: CpuAccount, suspectMs = 0): void {
    const { bucket } = this
    const nowMs = this.#threadCpuMs()
    const threadMs = nowMs - this.#threadMs
    this.#threadMs = nowMs
    this.#foldedMs += threadMs
    // The kernel likes to interrupt at the end of such a call: what it took then is in no slice.
    this.#sliceStartMs = performance.now()

    let slicesMs = this.#tickWallMs
    this.#tickWallMs = 0
    this.#unscaledMs += slicesMs
    if (suspect !== undefined && slicesMs > threadMs) {
      const notRunMs = Math.min(slicesMs - threadMs, suspectMs)
      suspect.tickMs -= notRunMs
      slicesMs -= notRunMs
      // A sleep that has been taken off here must not be taken off the next gap again.
      this.#newIdleMs()
    }
    const scale = slicesMs > threadMs ? threadMs / slicesMs : 1
    charge(bucket.rest, Math.max(0, threadMs - slicesMs * scale))

    const listed = this.#listed.splice(0)
    for (const account of listed) {
      account.listed = false
      charge(account.final ? bucket.rest : account, account.tickMs * scale)
      account.tickMs = 0
    }
    // Batches first: their members' figures are not final before they got their share.
    for (const account of listed) if (account instanceof SharedCpuAccount) finish(account, bucket.rest)
    for (const account of listed) if (!(account instanceof SharedCpuAccount)) finish(account, bucket.rest)
    this.#chargeOwnWork()
  }

  /** What has run since the boundary was the ledger; unless it was interrupted: then the next slice is cleared of that. */
  #chargeOwnWork(): void {
    const nowMs = performance.now()
    const ownMs = nowMs - this.#sliceStartMs
    if (ownMs > suspiciousSliceMs) return
    this.#sliceStartMs = nowMs
    this.#add(this.bucket.telemetry, ownMs)
  }
}

function finish(account: CpuAccount, tooLate: CpuAccount): void {
  if (!account.closed || account.final) return
  account.final = true
  account.settled(tooLate)
}

/** For `TELEMETRY=off`: every call a no-op, every figure zero. */
export const noLedger: Ledger = {
  bucket: Object.fromEntries(buckets.map(name => [name, new CpuAccount()])) as Record<Bucket, CpuAccount>,
  current: undefined,
  enter: () => undefined,
  close: account => {
    account.closed = true
  },
  readMs: () => 0,
  totals: () => ({
    processMs: processCpuMs(),
    attributedMs: 0,
    unattributedMs: Object.fromEntries(buckets.map(name => [name, 0])) as Record<Bucket, number>,
    unscaledMs: 0,
  }),
}

function charge(account: CpuAccount, ms: number): void {
  account.settledMs += ms
}

function processCpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
