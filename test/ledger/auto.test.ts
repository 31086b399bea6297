import { once } from 'node:events'
import { cpSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { repository } from '../programs.ts'
import { samplesOf, scrape, sumOf } from '../telemetry/openmetrics.ts'
import { untilQuiet } from './cpu-window.ts'
import { appsFolder } from './installed-apps.ts'
import { type AppOptions, ledgerSource, startApp } from './start-app.ts'

/** A plain `node:http` application that needs no package and no database. */
const application = join(appsFolder, 'http.js')
const count = 'http_server_request_cpu_seconds_count'

function start({ env, ...options }: AppOptions = {}) {
  return startApp(application, { env: { WAIT: 'timeout', ...env }, ...options })
}

/** Asks for `burnUs` of CPU. */
async function answers(url: string, burnUs = 1000): Promise<number> {
  const response = await fetch(`${url}/work/42?us=${burnUs}`)
  await response.text()
  return response.status
}

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
})

describe('--import of the ledger', () => {
  it('serves the metrics of an application that knows nothing of it', async () => {
    await using app = await start()
    for (let i = 0; i < 5; i++) expect(await answers(app.url)).toBe(202)
    await untilQuiet(app.adminUrl)
    const page = await scrape(app.adminUrl)
    const labels = { http_request_method: 'GET', http_route: '', http_response_status_code: '202' }
    expect(samplesOf(page, count).map(sample => [sample.labels, sample.value])).toEqual([[labels, 5]])
    const [requestsS, processS] = [
      sumOf(page, 'http_server_request_cpu_seconds_sum'),
      sumOf(page, 'process_cpu_seconds_total'),
    ]
    expect(requestsS).toBeGreaterThan(5 * 0.001 * 0.97)
    expect(requestsS + sumOf(page, 'process_cpu_unattributed_seconds_total')).toBeCloseTo(processS, 5)
    expect(app.output()).toBe('')
  })

  it('works by NODE_OPTIONS too', async () => {
    await using app = await start({ nodeArgs: [], env: { NODE_OPTIONS: `--import ${ledgerSource}` } })
    expect(await answers(app.url)).toBe(202)
    await untilQuiet(app.adminUrl)
    expect(sumOf(await scrape(app.adminUrl), count)).toBe(1)
    expect(app.output()).toBe('')
  })

  it('listens on 127.0.0.1 only', async () => {
    await using app = await start()
    const { port } = new URL(app.adminUrl)
    await expect(fetch(`http://127.0.0.2:${port}/metrics`)).rejects.toThrow()
    expect((await fetch(`${app.adminUrl}/metrics`)).status).toBe(200)
  })

  it('does not count its own scrapes as requests', async () => {
    await using app = await start()
    for (let i = 0; i < 5; i++) await scrape(app.adminUrl)
    const page = await scrape(app.adminUrl)
    expect(samplesOf(page, count)).toEqual([])
    expect(sumOf(page, 'process_cpu_unattributed_seconds_total', { bucket: 'telemetry' })).toBeGreaterThan(0)
  })

  it('without a port serves nothing, and the application runs', async () => {
    await using app = await start({ env: { CPU_LEDGER_PORT: '' } })
    expect(await answers(app.url)).toBe(202)
    expect(app.output()).toBe('')
  })
})

describe('whatever goes wrong in the ledger is one line, and the application goes on:', () => {
  it('the port is taken', async () => {
    const holder = createTcpServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    cleanUps.push(() => holder.close())
    const { port } = holder.address() as AddressInfo
    await using app = await start({ env: { CPU_LEDGER_PORT: String(port) } })
    expect(await answers(app.url)).toBe(202)
    expect(app.output()).toMatch(new RegExp(`^cpu-ledger: no metrics: [^\\n]*EADDRINUSE[^\\n]*${port}\\n$`))
  })

  it.each(['often', '-1', '65536', '9465.5'])('the port is %s', async port => {
    await using app = await start({ env: { CPU_LEDGER_PORT: port } })
    expect(await answers(app.url)).toBe(202)
    expect(app.output()).toMatch(/^cpu-ledger: CPU_LEDGER_PORT is [^\n]*\n$/)
  })

  it('a hook that Node lacks', async () => {
    const without =
      'data:text/javascript,import { promiseHooks } from "node:v8"; promiseHooks.createHook = undefined'
    await using app = await start({
      nodeArgs: ['--import', without, '--import', ledgerSource],
      env: { CPU_LEDGER_PORT: '' },
    })
    expect(await answers(app.url)).toBe(202)
    expect(app.output()).toMatch(/^cpu-ledger: the ledger does not run: [^\n]*\n$/)
  })
})

describe('a second copy of the package', () => {
  it('finds the ledger of the first: a request is counted once', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'insertlab-'))
    cleanUps.push(() => rm(folder, { recursive: true }))
    cpSync(join(repository, 'src/ledger'), folder, { recursive: true })
    const nodeArgs = ['--import', ledgerSource, '--import', join(folder, 'auto.ts')]
    await using app = await start({ nodeArgs })
    // So much that what a first request costs besides does not look like a second count, on a slow machine too.
    for (let i = 0; i < 20; i++) expect(await answers(app.url, 20_000)).toBe(202)
    await untilQuiet(app.adminUrl)
    const page = await scrape(app.adminUrl)
    expect(sumOf(page, count)).toBe(20)
    const burnedS = 20 * 0.02
    expect(sumOf(page, 'http_server_request_cpu_seconds_sum')).toBeGreaterThan(burnedS * 0.97)
    expect(sumOf(page, 'http_server_request_cpu_seconds_sum')).toBeLessThan(burnedS * 1.9)
    expect(app.output()).toBe('')
  })
})
