import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase } from '../helpers/database.ts'
import { type CpuWindow, closedLoop, idleAtBothEnds, measureCpu } from './cpu-window.ts'
import { appsFolder, installApps } from './installed-apps.ts'
import { type App, startApp } from './start-app.ts'
import { isUnclear, offByAtLeast, summary, withError } from './statistics.ts'

/**
 * The ledger in applications as people write them, with nothing but `--import`. Each waits for something, then burns
 * CPU by the thread's CPU clock in a tenth of its requests, which it answers with 202. The ledger must find that CPU in those requests,
 * and requests and buckets together must be the CPU of the process.
 */
const injectedUs = 500
const connections = 32
const bar = 0.15
const fewestRounds = 3
const mostRounds = 8

interface Case {
  readonly name: string
  readonly file: string
  readonly wait?: string
  readonly path?: string
  /** The route's pattern, as the ledger should tell it; '' where the framework does not. */
  readonly route?: string
}

const frameworks: readonly Case[] = [
  { name: 'Fastify', file: 'fastify.js', route: '/work/:name' },
  { name: 'Express', file: 'express.js', route: '/work/:name' },
  { name: 'Koa', file: 'koa.js' },
  { name: 'Hono', file: 'hono.js' },
  { name: 'NestJS', file: 'nest.js', path: '/nest/work/42', route: '/nest/work/:name' },
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
    route: '/work/:name',
  })),
]

let database: Awaited<ReturnType<typeof createDatabase>>
beforeAll(async () => {
  await installApps()
  database = await createDatabase()
}, 300_000)
afterAll(() => database?.drop())

function start({ file, wait = 'pg' }: Case, env = {}): Promise<App> {
  return startApp(join(appsFolder, file), { env: { DATABASE_URL: database.url, WAIT: wait, ...env } })
}

function measure(app: App, path: string): Promise<CpuWindow> {
  const load = closedLoop([{ path, weight: 9 }, { path: `${path}?us=${injectedUs}` }], connections, 1.5)
  return measureCpu(app, idleAtBothEnds(app.adminUrl, load), 'http_response_status_code')
}

/** Windows until the median of `figure` is clear. */
async function rounds(measureOne: () => Promise<CpuWindow>, figure: (window: CpuWindow) => number) {
  const windows: CpuWindow[] = []
  do windows.push(await measureOne())
  while (windows.length < mostRounds && (windows.length < fewestRounds || isUnclear(windows.map(figure), bar)))
  return windows
}

function meanUs({ meanUs: means }: CpuWindow, status: string): number {
  return means[status] ?? Number.NaN
}

function readBack(window: CpuWindow): number {
  return (meanUs(window, '202') - meanUs(window, '200')) / injectedUs
}

describe.each(cases)('$name', one => {
  it('injected CPU is read back, and nothing is lost', async () => {
    const { name, path = '/work/42' } = one
    await using app = await start(one)
    await measure(app, path)
    const windows = await rounds(() => measure(app, path), readBack)
    const ratio = summary(windows.map(readBack))
    const last = windows.at(-1)
    console.log(
      `${name}: ${withError(ratio, 3)} of ${injectedUs} us read back; plain ${last?.meanUs['200']?.toFixed(0)} us; ` +
        `accounted ${windows.map(({ accounted }) => accounted.toFixed(4)).join(' ')}; ` +
        `${Math.round(last?.requestsPerS ?? 0)} requests/s; ${JSON.stringify(last?.buckets, (_, value) => (typeof value === 'number' ? Number(value.toFixed(3)) : value))}`,
    )
    expect(app.output()).toBe('')
    for (const { counts, accounted } of windows) {
      expect(counts['202']).toBeGreaterThan(20)
      expect(Math.abs(accounted - 1)).toBeLessThan(0.02)
    }
    expect(offByAtLeast(ratio)).toBeLessThan(bar)
  })
})
