import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createGuardedFolder, removeGuardedFolder } from '../../src/lab/stack/janitor.ts'
import { RawClient } from '../helpers/http.ts'
import { available, repository, run } from '../programs.ts'
import { samplesOf, scrape, sumOf } from '../telemetry/openmetrics.ts'
import { untilQuiet } from './cpu-window.ts'
import { otherNodes, ownNode } from './nodes.ts'
import { packLedger } from './pack.ts'
import { type App, startApp } from './start-app.ts'

/**
 * The packed ledger as a stranger gets it: installed in an empty folder, beside an application in plain JavaScript. The
 * folder is outside the checkout, so that nothing of the checkout can be found by accident.
 */
const expressVersion = '5.3.0'
const application = `
import express from 'express'

const app = express()
const users = express.Router()

app.get('/burn/:ms', async (request, response) => {
  await new Promise(resolve => setTimeout(resolve, 1))
  const endMs = cpuMs() + Number(request.params.ms)
  while (cpuMs() < endMs);
  response.json({ ms: request.params.ms })
})
app.get('/never', () => {})
app.use('/users', users)
users.get('/:id/orders', (_request, response) => {
  response.status(201).send('some')
})
users.delete('/:id', (_request, response) => {
  response.sendStatus(204)
})
app.listen(Number(process.env.PORT), '127.0.0.1')

function cpuMs() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
`
const count = 'http_server_request_cpu_seconds_count'
const sum = 'http_server_request_cpu_seconds_sum'

let folder: string
let packed: string
beforeAll(async () => {
  folder = createGuardedFolder()
  packed = await packLedger(folder)
  await writeFile(join(folder, 'package.json'), '{ "name": "stranger", "type": "module", "private": true }')
  await writeFile(join(folder, 'app.js'), application)
  const npm = ['install', '--prefix', folder, '--no-audit', '--no-fund', packed, `express@${expressVersion}`]
  const { code, output } = await run('npm', npm)
  expect(code, output).toBe(0)
})
afterAll(() => removeGuardedFolder(folder))

it('has plain JavaScript, types and a README, and depends on nothing', async () => {
  const files = execFileSync('tar', ['-tzf', packed], { encoding: 'utf8' }).trim().split('\n')
  const others = files.filter(file => !/^package\/dist\/[a-z-]+\.(js|d\.ts)$/.test(file))
  expect(others.toSorted()).toEqual(['package/README.md', 'package/package.json'])
  for (const name of ['index', 'auto']) {
    expect(files).toContain(`package/dist/${name}.js`)
    expect(files).toContain(`package/dist/${name}.d.ts`)
  }
  const manifest = JSON.parse(
    await readFile(join(folder, 'node_modules/@insertlab/cpu-ledger/package.json'), 'utf8'),
  ) as Record<string, unknown>
  expect(manifest).not.toHaveProperty('dependencies')
  expect(manifest).not.toHaveProperty('peerDependencies')
})

describe.each([ownNode, ...otherNodes()])('under Node $version', ({ node }) => {
  it('tells what the requests of an Express application cost', async () => {
    await using app = await start(node)
    await get(app, 'GET', '/burn/1', 200)
    await untilQuiet(app.adminUrl)
    const before = await scrape(app.adminUrl)
    const times = 20
    for (let i = 0; i < times; i++) await get(app, 'GET', '/burn/10', 200)
    for (let i = 0; i < times; i++) await get(app, 'GET', `/users/${i}/orders`, 201)
    for (let i = 0; i < times; i++) await get(app, 'DELETE', `/users/user-${i}`, 204)
    await get(app, 'GET', '/not/there', 404)
    await untilQuiet(app.adminUrl)
    const after = await scrape(app.adminUrl)

    const of = (method: string, route: string, status: string) => ({
      http_request_method: method,
      http_route: route,
      http_response_status_code: status,
    })
    const burning = of('GET', '/burn/:ms', '200')
    expect(samplesOf(after, count).map(({ labels, value }) => ({ ...labels, value }))).toEqual(
      expect.arrayContaining([
        { ...burning, value: times + 1 },
        { ...of('GET', '/users/:id/orders', '201'), value: times },
        { ...of('DELETE', '/users/:id', '204'), value: times },
        { ...of('GET', '', '404'), value: 1 },
      ]),
    )
    expect(sumOf(after, count)).toBe(3 * times + 2)
    const burnedS = sumOf(after, sum, burning) - sumOf(before, sum, burning)
    expect(burnedS).toBeGreaterThan(times * 0.01 * 0.9)
    expect(burnedS).toBeLessThan(times * 0.01 * 1.5)
    const accountedS = sumOf(after, sum) + sumOf(after, 'process_cpu_unattributed_seconds_total')
    expect(accountedS / sumOf(after, 'process_cpu_seconds_total')).toBeCloseTo(1, 2)
    expect(app.output()).toBe('')
  })
})

describe.each([ownNode, ...otherNodes()])('under Node $version', ({ node }) => {
  // Older versions do not close a response that waits for an earlier one of its connection.
  it('ends the pipelined requests of a client that goes', async () => {
    await using app = await start(node)
    const client = await RawClient.connect(app.url)
    const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`
    await client.write(get('/burn/1') + get('/never') + get('/users/1/orders') + get('/users/2/orders'))
    while (!client.received.includes('HTTP/1.1 200')) await once(client.socket, 'data')
    client.destroy()
    await expect.poll(async () => sumOf(await scrape(app.adminUrl), count)).toBe(4)
  })
})

it.skipIf(!available('promtool'))('serves what Prometheus itself reads as OpenMetrics', async () => {
  await using app = await start(process.execPath)
  await get(app, 'GET', '/users/1/orders', 201)
  await untilQuiet(app.adminUrl)
  const response = await fetch(`${app.adminUrl}/metrics`)
  expect(response.headers.get('content-type')).toMatch(/^application\/openmetrics-text; version=1\.0\.0/)
  const page = await response.text()
  // promtool fills a database from such a page, for which it wants the time of each sample.
  const timed = page.replace(/^([^#\n].*)$/gm, `$1 ${Math.floor(Date.now() / 1000)}`)
  await writeFile(join(folder, 'metrics.txt'), timed)
  const args = [
    'tsdb',
    'create-blocks-from',
    'openmetrics',
    join(folder, 'metrics.txt'),
    join(folder, 'data'),
  ]
  const { code, output } = await run('promtool', args)
  expect(code, output).toBe(0)
})

it('has types that a strict TypeScript application can use', async () => {
  const code = `
import { currentRequest, onRequestEnd, shared, startLedger, totals, type RequestAccount } from '@insertlab/cpu-ledger'
import '@insertlab/cpu-ledger/auto'

startLedger()
const stop: () => void = onRequestEnd((request: RequestAccount) => {
  const seconds: number = request.cpuS
  const route: string | undefined = request.route
  console.log(seconds, route)
})
const ids: Promise<number[]> = shared([{ request: currentRequest(), weight: 1 }], async () => [1])
const restS: number | undefined = totals()?.unattributedS['rest']
// @ts-expect-error: a figure is no text.
const text: string | undefined = totals()?.processS
console.log(ids, restS, text, stop)
`
  await writeFile(join(folder, 'check.ts'), code)
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    types: ['node'],
    typeRoots: [join(repository, 'node_modules/@types')],
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['check.ts'] }))
  const { code: exitCode, output } = await run(join(repository, 'node_modules/.bin/tsc'), ['-p', folder])
  expect(exitCode, output).toBe(0)
})

function start(node: string): Promise<App> {
  return startApp('app.js', { node, cwd: folder, nodeArgs: ['--import', '@insertlab/cpu-ledger/auto'] })
}

async function get(app: App, method: string, path: string, status: number): Promise<void> {
  const response = await fetch(`${app.url}${path}`, { method })
  await response.text()
  expect(response.status).toBe(status)
}
