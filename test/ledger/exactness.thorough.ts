import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase } from '../helpers/database.ts'
import {
  type ClockedWindow,
  type CpuWindow,
  closedLoop,
  countedLoad,
  idleAtBothEnds,
  type Load,
  measureClocked,
  measureCpu,
  thinkingClients,
} from './cpu-window.ts'
import { type App, startApp } from './start-app.ts'
import { median, offByAtLeast, summary, withError } from './statistics.ts'

/**
 * The proof of the ledger: CPU of a known amount, burned in a tenth of the requests, is read back from those
 * and from no others. Conservation, which is tested too, proves little by itself, because the figures are
 * scaled to the process's clock: it only tells that nothing is lost or counted twice.
 *
 * What is known is what the CPU clock says: to burn 50 us makes a request dearer by a little more, because
 * it ends with cold caches. The others, too, do cost more where some burn much: fewer requests are answered
 * in one turn of the event loop, and clients have to be woken. The clock of the process tells how much more;
 * what the ledger says beyond that it has moved wrongly.
 *
 * Windows of all kinds alternate, and their medians are compared, so that what else the machine does hits
 * all of them alike. Where windows differ, more are taken: the number of rounds depends on their spread,
 * never on whether their median passes.
 */
const injectedUs = [50, 200, 1000]
const bar = 0.1
const fewestRounds = 5
/** Where rounds differ by much, five of them may agree by chance, and then their spread says too little. */
const fewestRoundsOfOneClient = 8
const mostRounds = 12
/** Of the median of all rounds, as a share of what it is held against. */
const wantedError = bar / 3

let database: Awaited<ReturnType<typeof createDatabase>>
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

const burningApp = fileURLToPath(new URL('burning-app.ts', import.meta.url))

/** It starts the ledger itself, between its own readings of the clock. */
function startBurningApp(env: Readonly<Record<string, string>> = {}): Promise<App> {
  return startApp(burningApp, { env: { DATABASE_URL: database.url, ...env }, nodeArgs: [] })
}

/** Every 10th request burns `us`; 0: none does. */
type LoadOf = (us: number) => Load

const plain = '/plain?us=0'

function closed(connections: number): LoadOf {
  return us =>
    closedLoop(
      us === 0 ? [{ path: plain }] : [{ path: plain, weight: 9 }, { path: `/injected?us=${us}` }],
      connections,
      2,
    )
}

function thinking(clients: number, thinkMs: number, durationS: number): LoadOf {
  return us => {
    const paths = [...new Array<string>(9).fill(plain), us === 0 ? plain : `/injected?us=${us}`]
    return thinkingClients(paths, { clients, thinkMs, durationS })
  }
}

describe.each([
  { beside: 'nothing else', env: {}, loads: ['1 client that thinks', '8', '64', 'half load'] },
  { beside: 'a busy helper thread', env: { BUSY_HELPER: '1' }, loads: ['8'] },
])('with $beside in the process, injected CPU', ({ beside, env, loads }) => {
  let service: App
  let loadsOf: Readonly<Record<string, LoadOf>>
  beforeAll(async () => {
    service = await startBurningApp(env)
    await measureCpu(service, closed(64)(200))
    const { requestsPerS } = await measureCpu(service, closed(64)(0))
    loadsOf = {
      '1 client that thinks': thinking(1, 1, 4),
      '8': closed(8),
      '64': closed(64),
      // 64 clients that send half of what 64 impatient ones did.
      'half load': thinking(64, (64 * 1000) / (requestsPerS / 2), 2),
    }
  })
  afterAll(() => service[Symbol.asyncDispose]())

  it.each(loads)('is read back, and from no other request: %s', async name => {
    const loadOf = loadsOf[name]
    if (loadOf === undefined) throw new Error(`there is no load ${name}`)
    const fewest = name.startsWith('1 client') ? fewestRoundsOfOneClient : fewestRounds
    const rounds: Round[] = []
    do rounds.push(await measureRound(service, loadOf))
    while (rounds.length < mostRounds && (rounds.length < fewest || isUnclear(rounds)))

    const figures = injectedUs.map(us => figuresOf(rounds, us))
    console.table(
      figures.map(figure => ({
        load: `${name}, ${beside}`,
        'us injected': figure.us,
        'by the clock': withError(figure.clockUs, 1),
        'read back': withError(figure.readUs, 1),
        'read / clock': withError(figure.readRatio, 3),
        'others, ratio': figure.plainRatio.median.toFixed(3),
        'process less injected, ratio': figure.processRatio.median.toFixed(3),
        moved: withError(figure.moved, 3),
        'requests/s': Math.round(figure.requestsPerS),
        rounds: rounds.length,
      })),
    )
    for (const { us, clockUs, readRatio, moved } of figures) {
      expect(clockUs.median, `${us} us, as the clock reads them`).toBeGreaterThan(0.95 * us)
      expect(offByAtLeast(readRatio), `${us} us read back`).toBeLessThan(bar)
      expect(offByAtLeast(moved), `others beside ${us} us`).toBeLessThan(bar)
    }
  })
})

/** One window of each kind, by the CPU injected; 0 is the one without. */
type Round = Readonly<Record<number, ClockedWindow>>

async function measureRound(service: App, loadOf: LoadOf): Promise<Round> {
  const round: Record<number, ClockedWindow> = {}
  for (const us of [0, ...injectedUs]) round[us] = await measureClocked(service, loadOf(us))
  return round
}

function figuresOf(rounds: readonly Round[], us: number) {
  const windows = rounds.map(round => ({ without: windowOf(round, 0), with: windowOf(round, us) }))
  const difference = (us: Readonly<Record<string, number>>) =>
    (us['/injected'] ?? Number.NaN) - (us['/plain'] ?? Number.NaN)
  const plainUs = (window: CpuWindow) => window.meanUs['/plain'] ?? Number.NaN
  const shareInjected = (window: CpuWindow) => (window.counts['/injected'] ?? 0) / window.requests
  const plainRatio = ({ with: it, without }: Pair) => plainUs(it) / plainUs(without)
  const processRatio = ({ with: it, without }: Pair) =>
    (it.processUs - difference(it.clockUs) * shareInjected(it)) / without.processUs
  return {
    us,
    clockUs: summary(windows.map(({ with: it }) => difference(it.clockUs))),
    readUs: summary(windows.map(({ with: it }) => difference(it.meanUs))),
    readRatio: summary(windows.map(({ with: it }) => difference(it.meanUs) / difference(it.clockUs))),
    plainRatio: summary(windows.map(plainRatio)),
    processRatio: summary(windows.map(processRatio)),
    moved: summary(windows.map(pair => plainRatio(pair) / processRatio(pair))),
    requestsPerS: median(windows.map(({ with: it }) => it.requestsPerS)),
  }
}

interface Pair {
  readonly without: ClockedWindow
  readonly with: ClockedWindow
}

function windowOf(round: Round, us: number): ClockedWindow {
  const window = round[us]
  if (window === undefined) throw new Error(`the round has no window of ${us} us`)
  return window
}

function isUnclear(rounds: readonly Round[]): boolean {
  return injectedUs.some(us => {
    const { readRatio, moved } = figuresOf(rounds, us)
    return Math.max(readRatio.error, moved.error) > wantedError
  })
}

describe('conservation', () => {
  const ping = { path: '/ping' }
  const one = { path: '/insert?rows=1' }
  const ten = { path: '/insert?rows=10' }
  const mixes = {
    ping: [ping],
    'one insert': [one],
    '10 inserts': [ten],
    mixed: [ping, one, ten],
  }
  let service: App
  beforeAll(async () => {
    service = await startBurningApp()
    await measureCpu(service, closedLoop(mixes.mixed, 64, 2))
  })
  afterAll(() => service[Symbol.asyncDispose]())

  it('histogram and buckets are the process’s CPU, at any load', async () => {
    const rows: { load: string; window: CpuWindow }[] = []
    for (const connections of [1, 16, 64, 256]) {
      for (const [name, requests] of Object.entries(mixes)) {
        const paths = requests.map(({ path }) => path)
        const amount = (name === 'ping' ? 10 : 1) * Math.max(300, 4 * connections)
        const load = idleAtBothEnds(service.adminUrl, countedLoad(paths, connections, amount))
        const window = await measureCpu(service, load)
        rows.push({ load: `${name}, ${connections}`, window })
      }
    }
    console.table(
      rows.map(({ load, window }) => ({
        load,
        'requests/s': Math.round(window.requestsPerS),
        accounted: window.accounted.toFixed(4),
        ...Object.fromEntries(
          Object.entries(window.buckets).map(([name, share]) => [name, share.toFixed(3)]),
        ),
      })),
    )
    for (const { load, window } of rows) {
      expect(window.requests, load).toBeGreaterThan(100)
      expect(Math.abs(window.accounted - 1), load).toBeLessThan(0.02)
      // Parsing the next request is not charged to the one before it.
      if (load.startsWith('ping')) expect(window.buckets['http'], load).toBeGreaterThan(0.05)
    }
  })
})

/**
 * The same request does cost more CPU in other company: a ping takes 15 us beside 63 others and twice that
 * beside inserts, because its answer then has to wake a client that sleeps. So the figure of a ping, which
 * is one piece of work from end to end, is held against the CPU clock read at both its ends, alone and in
 * company; that of an insert of ten rows, whose cost is mostly its own, must stay what it is alone.
 */
describe('two routes side by side', () => {
  const clocked = { path: '/clocked' }
  const ten = { path: '/insert?rows=10' }
  let service: App
  beforeAll(async () => {
    service = await startBurningApp()
    await measureCpu(service, closedLoop([clocked, ten], 64, 2))
  })
  afterAll(() => service[Symbol.asyncDispose]())

  const measure = async (requests: readonly { path: string }[]) => {
    const { meanUs, clockUs } = await measureClocked(service, closedLoop(requests, 64, 2))
    return {
      insertUs: meanUs['/insert'] ?? Number.NaN,
      pingUs: meanUs['/clocked'] ?? Number.NaN,
      pingByClockUs: clockUs['/clocked'] ?? Number.NaN,
    }
  }

  it('cost what each costs alone, or what the CPU clock says', async () => {
    type Ratio = 'inserts, mixed to alone' | 'ping alone, to the clock' | 'ping mixed, to the clock'
    const rounds: Record<Ratio, number>[] = []
    const ratios = () => {
      const names = Object.keys(rounds[0] ?? {}) as Ratio[]
      return Object.fromEntries(names.map(name => [name, summary(rounds.map(round => round[name]))]))
    }
    const isUnclearYet = () => Object.values(ratios()).some(({ error }) => error > wantedError)
    const windows: object[] = []
    do {
      const mixed = await measure([clocked, ten])
      const alone = { ...(await measure([clocked])), insertUs: (await measure([ten])).insertUs }
      windows.push({ company: 'mixed', ...mixed }, { company: 'alone', ...alone })
      rounds.push({
        'inserts, mixed to alone': mixed.insertUs / alone.insertUs,
        'ping alone, to the clock': alone.pingUs / alone.pingByClockUs,
        'ping mixed, to the clock': mixed.pingUs / mixed.pingByClockUs,
      })
    } while (rounds.length < mostRounds && (rounds.length < fewestRounds || isUnclearYet()))
    console.table(windows)
    console.table(ratios())
    for (const [name, ratio] of Object.entries(ratios())) expect(offByAtLeast(ratio), name).toBeLessThan(bar)
  })
})
