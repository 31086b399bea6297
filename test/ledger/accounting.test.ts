import { pbkdf2 } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import { CpuAccount, Ledger, SharedAccount } from '../../src/ledger/accounting.ts'
import { burnCpuUs, threadCpuUs } from '../fixtures/burn.ts'

/**
 * Real CPU, burned by the CPU clock, and figures compared with what was burned. Bounds from below are tight,
 * because whatever the machine does, what was burned was used; bounds from above leave room for what the
 * test itself uses. `totals()` ends a tick, so a figure is final after it.
 */
const slackMs = 3

let ledger: Ledger
beforeEach(() => {
  ledger = new Ledger()
})

function burn(ms: number): void {
  burnCpuUs(ms * 1000)
}

/** The thread does not run and the event loop does not sleep: to the ledger, a preemption. */
function stall(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

function expectMs(actualMs: number, burnedMs: number): void {
  expect(actualMs).toBeGreaterThan(burnedMs * 0.97)
  expect(actualMs).toBeLessThan(burnedMs + slackMs)
}

function totalsMs() {
  const { processS, requestsS, unattributedS, unscaledS } = ledger.totals()
  const buckets = Object.entries(unattributedS).map(([name, seconds]) => [name, seconds * 1000] as const)
  return {
    processMs: processS * 1000,
    requestsMs: requestsS * 1000,
    unscaledMs: unscaledS * 1000,
    buckets: Object.fromEntries(buckets),
  }
}

/** An account that keeps what it was told at the end. */
class Told extends CpuAccount {
  readonly figuresMs: number[] = []

  override settled(): void {
    this.figuresMs.push(this.settledMs)
  }
}

describe('slices', () => {
  it('go to the account that was entered, however often it changes', () => {
    const [a, b] = [new CpuAccount(), new CpuAccount()]
    ledger.enter(a)
    burn(10)
    ledger.enter(b)
    burn(5)
    ledger.enter(a)
    burn(10)
    ledger.leave()
    ledger.totals()
    expectMs(a.settledMs, 20)
    expectMs(b.settledMs, 5)
  })

  it('say for whom the thread runs, so that a nested run can return to it', () => {
    const [a, b] = [new CpuAccount(), new CpuAccount()]
    expect(ledger.current).toBeUndefined()
    ledger.enter(a)
    expect(ledger.current).toBe(a)
    ledger.enter(b)
    expect(ledger.current).toBe(b)
    burn(5)
    ledger.enter(a)
    expect(ledger.current).toBe(a)
    burn(5)
    ledger.enter(a)
    expect(ledger.current).toBe(a)
    burn(5)
    ledger.leave()
    expect(ledger.current).toBeUndefined()
    ledger.totals()
    expectMs(a.settledMs, 10)
    expectMs(b.settledMs, 5)
  })

  it('are in the reading of a running account before the tick has ended', () => {
    const account = new CpuAccount()
    ledger.enter(account)
    burn(5)
    expect(ledger.readMs(account)).toBeGreaterThan(4.85)
    ledger.leave()
    expect(ledger.readMs(account)).toBeGreaterThan(4.85)
    burn(5)
    const readMs = ledger.readMs(account)
    stall(5)
    expect(ledger.readMs(account)).toBe(readMs)
  })

  it('that nobody ended go on after the event loop has slept, without its sleep', async () => {
    const account = new CpuAccount()
    ledger.enter(account)
    burn(5)
    await sleep(20)
    burn(5)
    ledger.leave()
    burn(5)
    ledger.totals()
    expectMs(account.settledMs, 10)
  })

  it('of a scrape are in its bucket, up to the moment it asks for the totals', () => {
    const telemetry = ledger.bucket('telemetry')
    ledger.enter(telemetry)
    ledger.totals()
    const beforeMs = telemetry.settledMs
    burn(10)
    ledger.totals()
    expectMs(telemetry.settledMs - beforeMs, 10)
    expect(ledger.current).toBe(telemetry)
  })
})

describe('gaps', () => {
  it('go to what they turn out to have been', () => {
    const [http, sockets] = [ledger.bucket('http'), ledger.bucket('sockets')]
    const account = new CpuAccount()
    burn(5)
    ledger.enter(account, http)
    ledger.leave()
    burn(6)
    ledger.enter(account, sockets)
    ledger.leave()
    burn(7)
    ledger.enter(account, account)
    ledger.leave()
    ledger.totals()
    expectMs(http.settledMs, 5)
    expectMs(sockets.settledMs, 6)
    expectMs(account.settledMs, 7)
  })

  it('do not hold the time the event loop slept', async () => {
    const http = ledger.bucket('http')
    await sleep(100)
    burn(5)
    ledger.enter(new CpuAccount(), http)
    ledger.totals()
    expectMs(http.settledMs, 5)
  })
})

describe('a callback that carries no account', () => {
  it('is charged to the account that continues right after it, with the gap before it', () => {
    const [sockets, account] = [ledger.bucket('sockets'), new CpuAccount()]
    burn(3)
    ledger.beginCallback(sockets)
    burn(5)
    ledger.continue(account)
    burn(4)
    ledger.leave()
    ledger.totals()
    expectMs(account.settledMs, 12)
    expect(sockets.settledMs).toBe(0)
  })

  it('is charged to its own bucket where another callback follows', () => {
    const [sockets, account] = [ledger.bucket('sockets'), new CpuAccount()]
    ledger.beginCallback(sockets)
    burn(5)
    ledger.enterCallback(account)
    burn(4)
    ledger.leave()
    ledger.beginCallback(sockets)
    burn(6)
    ledger.beginCallback(ledger.bucket('rest'))
    burn(7)
    ledger.leave()
    ledger.totals()
    expectMs(sockets.settledMs, 11)
    expectMs(account.settledMs, 4)
    expectMs(ledger.bucket('rest').settledMs, 7)
  })

  it('after which two accounts continue is charged to the first', () => {
    const [first, second] = [new CpuAccount(), new CpuAccount()]
    ledger.beginCallback(ledger.bucket('sockets'))
    burn(5)
    ledger.continue(first)
    burn(3)
    ledger.leave()
    ledger.continue(second)
    burn(4)
    ledger.leave()
    ledger.totals()
    expectMs(first.settledMs, 8)
    expectMs(second.settledMs, 4)
  })
})

describe('a continuation', () => {
  it('of the account whose slice has just ended prolongs that slice', () => {
    const [a, b] = [new CpuAccount(), new CpuAccount()]
    ledger.enter(a)
    burn(3)
    ledger.leave()
    burn(2)
    ledger.continue(a)
    burn(3)
    ledger.leave()
    ledger.continue(b)
    burn(4)
    ledger.leave()
    ledger.totals()
    expectMs(a.settledMs, 8)
    expectMs(b.settledMs, 4)
  })
})

describe('time in which the thread did not run', () => {
  it('is taken off the slice that it interrupted, and off no other', () => {
    const accounts = [new CpuAccount(), new CpuAccount(), new CpuAccount()]
    for (const [index, account] of accounts.entries()) {
      ledger.enter(account)
      burn(5)
      if (index === 1) stall(50)
    }
    ledger.leave()
    ledger.totals()
    for (const account of accounts) expectMs(account.settledMs, 5)
  })

  it('is taken off an account that was left open while the event loop slept', async () => {
    const http = ledger.bucket('http')
    const [left, next, last] = [new CpuAccount(), new CpuAccount(), new CpuAccount()]
    let leftMs = 0
    await new Promise<void>(resolve => {
      setTimeout(() => {
        const fromUs = threadCpuUs()
        ledger.enter(left)
        burn(5)
        // Timers run before the loop polls: the account stays open until the hash is ready.
        hashFor(() => {
          leftMs = (threadCpuUs() - fromUs) / 1000
          ledger.enter(next)
          burn(5)
          ledger.leave()
          burn(5)
          ledger.enter(last, http)
          ledger.leave()
          resolve()
        })
      }, 5)
    })
    ledger.totals()
    // Whatever else the test's own process did in between was left to this account, too.
    expectMs(left.settledMs, leftMs)
    expectMs(next.settledMs, 5)
    expectMs(http.settledMs, 5)
  })
})

/** Long enough that the event loop has to sleep; the callback runs in its poll phase. */
function hashFor(callback: () => void): void {
  pbkdf2('password', 'salt', 50_000, 64, 'sha512', callback)
}

describe('an account that is closed', () => {
  it('is told its final figure once, at the end of the tick', () => {
    const account = new Told()
    ledger.enter(account)
    burn(5)
    ledger.close(account)
    ledger.close(account)
    expect(ledger.current).toBeUndefined()
    ledger.totals()
    ledger.totals()
    expect(account.figuresMs).toEqual([account.settledMs])
    expectMs(account.settledMs, 5)
  })

  it('reads as its final figure, also while the first reader takes its time', () => {
    const readings: number[] = []
    class ReadAtTheEnd extends CpuAccount {
      override settled(): void {
        burn(2)
        readings.push(ledger.readMs(this))
      }
    }
    const account = new ReadAtTheEnd()
    ledger.enter(account)
    burn(5)
    ledger.close(account)
    ledger.totals()
    expect(readings).toEqual([account.settledMs])
  })

  it('is charged nothing more: what still runs for it goes to `after_response`', () => {
    const account = new Told()
    ledger.enter(account)
    burn(5)
    ledger.close(account)
    ledger.totals()
    const lateMs = ledger.bucket('after_response').settledMs

    ledger.enter(account)
    burn(5)
    ledger.leave()
    ledger.totals()
    expect(account.figuresMs).toEqual([account.settledMs])
    expectMs(ledger.bucket('after_response').settledMs - lateMs, 5)
  })
})

describe('a batch', () => {
  it('is divided among its members by weight, all of it and once', () => {
    const [one, three] = [new Told(), new Told()]
    const batch = new SharedAccount([
      { account: one, weight: 1 },
      { account: three, weight: 3 },
    ])
    ledger.enter(one)
    burn(5)
    ledger.enter(batch)
    burn(8)
    ledger.close(batch)
    ledger.close(one)
    ledger.close(three)
    ledger.totals()
    ledger.totals()
    expectMs(batch.settledMs, 8)
    expect(three.figuresMs[0]).toBeCloseTo(batch.settledMs * 0.75, 9)
    expectMs((one.figuresMs[0] ?? 0) - batch.settledMs * 0.25, 5)
    expect([one.figuresMs.length, three.figuresMs.length]).toEqual([1, 1])
  })

  it('that ends in an earlier tick than its members is in their figures', () => {
    const member = new Told()
    const batch = new SharedAccount([{ account: member, weight: 1 }])
    ledger.enter(batch)
    burn(5)
    ledger.close(batch)
    ledger.totals()
    ledger.close(member)
    ledger.totals()
    expect(member.figuresMs).toEqual([batch.settledMs])
  })

  it('without any weight is charged to `rest`', () => {
    const member = new Told()
    const batch = new SharedAccount([{ account: member, weight: 0 }])
    ledger.enter(batch)
    burn(5)
    ledger.close(batch)
    ledger.close(member)
    ledger.totals()
    expect(member.figuresMs).toEqual([0])
    expectMs(ledger.bucket('rest').settledMs, 5)
  })

  it('charges the share of a member whose client has gone to `after_response`', () => {
    const [gone, there] = [new Told(), new Told()]
    const batch = new SharedAccount([
      { account: gone, weight: 1 },
      { account: there, weight: 1 },
    ])
    ledger.close(gone)
    ledger.totals()
    const lateMs = ledger.bucket('after_response').settledMs
    ledger.enter(batch)
    burn(10)
    ledger.close(batch)
    ledger.close(there)
    ledger.totals()
    expect(gone.figuresMs).toEqual([0])
    expect(there.figuresMs).toEqual([batch.settledMs / 2])
    expectMs(ledger.bucket('after_response').settledMs - lateMs, 5)
  })
})

describe('the totals', () => {
  it('put what other threads used into `helper_threads`', async () => {
    const before = totalsMs()
    const startUs = otherThreadsUs()
    await new Promise<void>(resolve => hashFor(resolve))
    const after = totalsMs()
    const usedMs = (otherThreadsUs() - startUs) / 1000
    expect(usedMs).toBeGreaterThan(10)
    const helpersMs = (after.buckets['helper_threads'] ?? 0) - (before.buckets['helper_threads'] ?? 0)
    expect(Math.abs(helpersMs - usedMs)).toBeLessThan(slackMs)
  })

  it('leave nothing out and count nothing twice', async () => {
    const requests = Array.from({ length: 20 }, () => new Told())
    for (const [index, request] of requests.entries()) {
      const other = requests[(index + 1) % requests.length] ?? request
      const batch = new SharedAccount([
        { account: request, weight: 2 },
        { account: other, weight: 1 },
      ])
      ledger.enter(request, ledger.bucket('http'))
      burn(0.3)
      ledger.enter(batch)
      burn(0.3)
      if (index % 3 === 0) stall(2)
      ledger.close(batch)
      if (index % 5 === 0) await sleep(2)
      if (index > 0) ledger.close(request)
    }
    for (const request of requests) ledger.close(request)
    const { processMs, requestsMs, buckets } = totalsMs()
    const toldMs = requests.reduce((sum, { figuresMs }) => sum + (figuresMs[0] ?? Number.NaN), 0)
    const bucketsMs = Object.values(buckets).reduce((sum, ms) => sum + ms, 0)
    expect(requests.every(({ figuresMs }) => figuresMs.length === 1)).toBe(true)
    expect(toldMs).toBeGreaterThan(20 * 0.6 * 0.97)
    expect(toldMs).toBeCloseTo(requestsMs, 6)
    expect(toldMs + bucketsMs).toBeCloseTo(processMs, 6)
  })

  it('never fall, not even by a rounding error: to Prometheus that is a restart', () => {
    const figures = () => {
      const { buckets, ...totals } = totalsMs()
      return Object.entries({ ...totals, ...buckets })
    }
    let before = new Map(figures())
    for (let i = 0; i < 3_000; i++) {
      if (i % 3 === 0) ledger.enter(new CpuAccount(), ledger.bucket('http'))
      else ledger.leave()
      burn((i % 7) / 100)
      ledger.leave()
      const after = new Map(figures())
      const fallen = [...after].filter(([name, ms]) => ms < (before.get(name) ?? 0))
      expect(fallen).toEqual([])
      before = after
    }
  })

  it('begin with what the process had used before', () => {
    ledger = new Ledger()
    const { processMs, buckets } = totalsMs()
    expect(buckets['startup']).toBeGreaterThan(0.9 * processMs - slackMs)
  })

  it('tell apart what the slices were before they were held against the CPU clock', () => {
    const before = totalsMs()
    ledger.enter(new CpuAccount())
    burn(5)
    stall(50)
    ledger.leave()
    const after = totalsMs()
    expect(after.unscaledMs - before.unscaledMs).toBeGreaterThan(50)
    expect(after.processMs - before.processMs).toBeLessThan(5 + slackMs)
  })
})

describe('slices too short to be held against the CPU clock by themselves', () => {
  it('are held against it for each millisecond of them, by whichever boundary comes then', () => {
    const other = new CpuAccount()
    let account = new Told()
    let ticks = 0
    const startUs = threadCpuUs()
    while (threadCpuUs() - startUs < 100_000) {
      ledger.close(account)
      for (let i = 0; i < 1_000; i++) {
        if (i % 2 === 0) ledger.enter(other)
        else ledger.leave()
      }
      if (account.figuresMs.length === 0) continue
      ticks += 1
      account = new Told()
    }
    expect(ticks).toBeGreaterThan(60)
  })
})

function otherThreadsUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system - threadCpuUs()
}
