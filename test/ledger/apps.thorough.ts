import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase } from '../helpers/database.ts'
import { samplesOf, scrape } from '../telemetry/openmetrics.ts'
import {
  type CpuWindow,
  countedLoad,
  cpuBetween,
  idleAtBothEnds,
  type Load,
  measureCpu,
  readCpu,
  untilQuiet,
} from './cpu-window.ts'
import { appsFolder, installApps } from './installed-apps.ts'
import { otherNodes } from './nodes.ts'
import { buildLedger } from './pack.ts'
import { type App, type AppOptions, startApp } from './start-app.ts'
import { isUnclear, median, offByAtLeast, summary, withError } from './statistics.ts'

/**
 * The ledger in applications as people write them, with nothing but `--import`. Each request waits for something, then
 * burns 100 us of CPU by the thread's own CPU clock. A tenth of them burns 500 us more and answers 202. The ledger must
 * find these 500 us in those requests, and requests and buckets together must be the CPU of the process.
 *
 * All burn something because work after a burn costs more than work without one: caches are cold by then, and the client
 * sleeps and has to be woken. On a busy machine that was 100 us.
 */
const baseUs = 100
const injectedUs = 500
const connections = 32
const requests = 2_000
const bar = 0.15
const statusLabel = 'http_response_status_code'
const fewestRounds = 3
const mostRounds = 8

interface Case {
  readonly name: string
  readonly file: string
  readonly wait?: string
  readonly path?: string
}

const frameworks: readonly Case[] = [
  { name: 'Fastify', file: 'fastify.js' },
  { name: 'Express', file: 'express.js' },
  { name: 'Koa', file: 'koa.js' },
  { name: 'Hono', file: 'hono.js' },
  { name: 'NestJS', file: 'nest.js', path: '/nest/work/42' },
  { name: 'node:http', file: 'http.js' },
]
const dataLayers = ['pg-client', 'postgres', 'drizzle', 'knex', 'kysely', 'prisma', 'typeorm']
const others = ['fetch', 'pipeline', 'events-once', 'timeout', 'worker-threads']
const cases: readonly Case[] = [
  ...frameworks,
  ...[...dataLayers, ...others].map(wait => ({
    name: `Fastify, ${wait}`,
    file: 'fastify.js',
    wait,
  })),
]

let database: Awaited<ReturnType<typeof createDatabase>>
beforeAll(async () => {
  await installApps()
  database = await createDatabase()
})
afterAll(() => database?.drop())

function start({ file, wait = 'pg' }: Case, options: AppOptions = {}): Promise<App> {
  return startApp(join(appsFolder, file), { ...options, env: { DATABASE_URL: database.url, WAIT: wait } })
}

/** Nothing burns, so that there are more requests to compile code by. */
function warmUp(app: App, path: string): Promise<CpuWindow> {
  return measureCpu(app, countedLoad([path], connections, 3 * requests))
}

function measure(app: App, path: string): Promise<CpuWindow> {
  return measureCpu(app, idleAtBothEnds(app.adminUrl, injectingLoad(path)), statusLabel)
}

function injectingLoad(path: string): Load {
  const plain = new Array<string>(9).fill(`${path}?us=${baseUs}`)
  return countedLoad([...plain, `${path}?us=${baseUs + injectedUs}`], connections, requests)
}

/** Windows until the median of `figure` is clear. */
async function rounds(measureOne: () => Promise<CpuWindow>, figure: (window: CpuWindow) => number) {
  const windows: CpuWindow[] = []
  do windows.push(await measureOne())
  while (
    windows.length < mostRounds &&
    (windows.length < fewestRounds || isUnclear(windows.map(figure), bar))
  )
  return windows
}

function meanUs({ meanUs: means }: CpuWindow, status: string): number {
  return means[status] ?? Number.NaN
}

function readBack(window: CpuWindow): number {
  return (meanUs(window, '202') - meanUs(window, '200')) / injectedUs
}

const figures: object[] = []
afterAll(() => {
  if (figures.length > 0) console.table(figures)
})

function note(name: string, windows: readonly CpuWindow[]): void {
  const shares = (bucket: string) => median(windows.map(({ buckets }) => buckets[bucket] ?? 0)).toFixed(3)
  figures.push({
    application: name,
    'read back': withError(summary(windows.map(readBack)), 3),
    'others, us': Math.round(median(windows.map(window => meanUs(window, '200')))),
    accounted: windows.map(({ accounted }) => accounted.toFixed(4)).join(' '),
    'requests/s': Math.round(median(windows.map(({ requestsPerS }) => requestsPerS))),
    http: shares('http'),
    sockets: shares('sockets'),
    after_response: shares('after_response'),
    helper_threads: shares('helper_threads'),
    rest: shares('rest'),
  })
}

function expectConservation(windows: readonly CpuWindow[]): void {
  for (const { counts, accounted } of windows) {
    expect(counts['202']).toBeGreaterThan(0.02 * requests)
    expect(Math.abs(accounted - 1)).toBeLessThan(0.02)
  }
}

async function expectReadBack(one: Case, options: AppOptions = {}, name = one.name): Promise<void> {
  const { path = '/work/42' } = one
  await using app = await start(one, options)
  await warmUp(app, path)
  const windows = await rounds(() => measure(app, path), readBack)
  note(name, windows)
  expect(app.output()).toBe('')
  expectConservation(windows)
  expect(offByAtLeast(summary(windows.map(readBack)))).toBeLessThan(bar)
}

it.each(cases)('$name: injected CPU is read back, and nothing is lost', one => expectReadBack(one))

/** Those whose boundaries differ. Without `trackPromises` and `v8.promiseHooks`, `async_hooks` tells of promises. */
const casesOfOtherNodes = cases.filter(({ wait = '' }) =>
  ['', 'postgres', 'fetch', 'pipeline', 'events-once'].includes(wait),
)

describe.each(otherNodes())('under Node $version', ({ version, node }) => {
  let ledger: string
  beforeAll(async () => {
    ledger = await buildLedger()
  })

  it.each(casesOfOtherNodes)('$name: injected CPU is read back, and nothing is lost', one =>
    expectReadBack(one, { node, nodeArgs: ['--import', ledger] }, `${one.name}, Node ${version}`),
  )
})

/**
 * What cannot work: pg calls a query's callback for the connection, which belongs to no request. Its CPU is in a bucket
 * of its own, and the process's total is right.
 */
it('pg with callbacks: injected CPU is in the bucket `sockets`', async () => {
  await using app = await start({ name: 'pg with callbacks', file: 'http-callbacks.js' })
  await warmUp(app, '/work/42')
  const windows = await rounds(() => measure(app, '/work/42'), readBack)
  note('pg with callbacks', windows)
  const foundInSockets = ({ requests: answered, counts, buckets, processUs }: CpuWindow) => {
    const burnedUs = baseUs * answered + injectedUs * (counts['202'] ?? 0)
    const withoutHelpers = 1 - (buckets['helper_threads'] ?? 0) - (buckets['telemetry'] ?? 0)
    return ((buckets['sockets'] ?? 0) * processUs * answered) / withoutHelpers / burnedUs
  }
  expectConservation(windows)
  expect(median(windows.map(readBack))).toBeLessThan(0.1)
  expect(median(windows.map(foundInSockets))).toBeGreaterThan(0.9)
})

it('cluster: each worker has a ledger and a port of its own', async () => {
  const name = 'node:http, pg, cluster'
  await using app = await startApp(join(appsFolder, 'cluster.js'), {
    env: { DATABASE_URL: database.url },
    morePorts: 2,
  })
  const firstPort = Number(new URL(app.adminUrl).port)
  const workers = [1, 2].map(id => `http://127.0.0.1:${firstPort + id}`)
  await countedLoad(['/work/42'], connections, 3 * requests)(app.url, async () => {})
  const measureBoth = async () => {
    const before = await Promise.all(workers.map(readCpu))
    await injectingLoad('/work/42')(app.url, async () => {})
    await Promise.all(workers.map(untilQuiet))
    const after = await Promise.all(workers.map(readCpu))
    return before.map((reading, i) => cpuBetween(reading, after[i] ?? reading, statusLabel))
  }
  const rounds = [await measureBoth(), await measureBoth(), await measureBoth()]
  for (const id of [0, 1]) {
    const windows = rounds.flatMap(round => round[id] ?? [])
    note(`${name}, worker ${id + 1}`, windows)
    expectConservation(windows)
    expect(offByAtLeast(summary(windows.map(readBack)))).toBeLessThan(bar)
  }
  expect(app.output()).toBe('')
})

/** A name and an id that a person typed must not come back as a route. */
describe('the route', () => {
  const names = ['42', 'alice', 'bob%20smith', '0f8fad5b-d9cb-469f-a165-70867728950e', 'work']
  const routes: readonly { one: Case; paths: readonly string[]; expected: readonly string[] }[] = [
    { one: { name: 'Fastify', file: 'fastify.js' }, paths: ['/work'], expected: ['/work/:name'] },
    {
      one: { name: 'Express', file: 'express.js' },
      paths: [
        '/work',
        '/api/work',
        '/api/of/alice/work',
        '/api/of/12/work',
        '/api/of/b%2Fb/work',
        // Without `mergeParams` nothing tells which part is a parameter.
        '/api/item/42/work',
        '/api/item/0f8fad5b-d9cb-469f-a165-70867728950e/work',
      ],
      expected: ['/*/work/:name', '/api/of/:owner/work/:name', '/api/work/:name', '/work/:name'],
    },
    { one: { name: 'NestJS', file: 'nest.js' }, paths: ['/nest/work'], expected: ['/nest/work/:name'] },
    { one: { name: 'Koa', file: 'koa.js' }, paths: ['/work'], expected: [] },
    { one: { name: 'Hono', file: 'hono.js' }, paths: ['/work'], expected: [] },
    { one: { name: 'node:http', file: 'http.js' }, paths: ['/work'], expected: [] },
  ]

  it.each(routes)('of $one.name is the pattern, never the URL', async ({ one, paths, expected }) => {
    await using app = await start(one)
    for (const path of paths)
      for (const name of names) expect((await fetch(`${app.url}${path}/${name}`)).status).toBe(200)
    await fetch(`${app.url}/no-such-route/alice`)
    await untilQuiet(app.adminUrl)
    const samples = samplesOf(await scrape(app.adminUrl), 'http_server_request_cpu_seconds_count')
    const of = (route: (text: string) => boolean) =>
      samples.filter(({ labels }) => route(labels['http_route'] ?? ''))
    const total = (some: typeof samples) => some.reduce((sum, { value }) => sum + value, 0)
    expect([...new Set(of(route => route !== '').map(({ labels }) => labels['http_route']))].sort()).toEqual(
      expected,
    )
    expect(total(of(() => true))).toBe(paths.length * names.length + 1)
    expect(total(of(route => route === ''))).toBe(expected.length > 0 ? 1 : names.length + 1)
  })
})
