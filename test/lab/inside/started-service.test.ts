import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { catchesSigusr1, profileThroughInspector } from '../../../src/lab/inside/inspector.ts'
import { ledgerProcesses } from '../../../src/lab/inside/ledger-pages.ts'
import { profilerOfRunning } from '../../../src/lab/inside/running-profiler.ts'
import { environmentWith, startWithLedger } from '../../../src/lab/inside/started-service.ts'
import { loopbackPortsOf } from '../../../src/lab/probes/sockets.ts'
import { findFreePort } from '../../../src/lab/stack/free-port.ts'
import { spawnGuarded } from '../../../src/lab/stack/janitor.ts'
import { repository } from '../../programs.ts'

const folder = mkdtempSync(join(tmpdir(), 'started-'))
afterAll(() => rmSync(folder, { recursive: true }))
writeFileSync(
  join(folder, 'server.mjs'),
  `import cluster from 'node:cluster'
import { createServer } from 'node:http'
if (process.env.WORKERS && cluster.isPrimary) for (let i = 0; i < Number(process.env.WORKERS); i++) cluster.fork()
else createServer((_, response) => response.end('hello')).listen(Number(process.env.PORT), '127.0.0.1')
`,
)
const signal = new AbortController().signal

async function start(command: string) {
  const port = await findFreePort()
  const url = `http://127.0.0.1:${port}`
  return { url, service: await startWithLedger({ command: `PORT=${port} ${command}`, folder, url, signal }) }
}

test('starts a service with a ledger in each process that serves HTTP, and ends them all', async () => {
  const { url, service } = await start('WORKERS=2 node server.mjs')
  try {
    await expect.poll(async () => (await ledgerProcesses([service.pid], url)).length).toBe(2)
  } finally {
    await service[Symbol.asyncDispose]()
  }
  await expect(fetch(url)).rejects.toThrow()
})

test('takes a profile through the inspector, and closes it again', async () => {
  const { url, service } = await start('node server.mjs')
  await using _ = service
  const [server] = await ledgerProcesses([service.pid], url)
  if (server === undefined) throw new Error('no ledger')
  const before = loopbackPortsOf(server.pid)
  let isTaken = false
  const profiled = profileThroughInspector(server.pid, 1, signal).finally(() => {
    isTaken = true
  })
  while (!isTaken) await (await fetch(url)).text()
  const seen = await profiled
  const urls = seen?.profile.nodes.map(({ callFrame }) => callFrame.url)
  expect(urls).toContain('./server.mjs')
  expect(seen?.time?.ranUs).toBeGreaterThan(0)
  await expect.poll(() => loopbackPortsOf(server.pid)).toEqual(before)
  expect((await fetch(url)).status).toBe(200)
})

test('a command that ends says why; a service that runs already is not started again', async () => {
  await expect(start('node no-such-file.mjs')).rejects.toMatchObject({
    code: 'LAB_SERVICE_START',
    message: expect.stringContaining('ended with 1'),
  })
  const { url, service } = await start('node server.mjs')
  await using _ = service
  await expect(startWithLedger({ command: 'node server.mjs', folder, url, signal })).rejects.toMatchObject({
    code: 'LAB_TARGET',
    message: `something answers at ${url} before the service is started`,
  })
})

test('a service that ends later says how it ended', async () => {
  writeFileSync(
    join(folder, 'fragile.mjs'),
    `import { createServer } from 'node:http'
createServer((request, response) => {
  if (request.url === '/fatal') setImmediate(() => { throw new Error('out of luck') })
  else response.end('ok')
}).listen(Number(process.env.PORT), '127.0.0.1')
`,
  )
  const { url, service } = await start('node fragile.mjs')
  await using _ = service
  await service.requireRunning()
  await expect(fetch(`${url}/fatal`)).rejects.toThrow()
  await expect(service.requireRunning()).rejects.toMatchObject({
    code: 'LAB_TARGET',
    message: expect.stringMatching(/^the service, ".*node fragile\.mjs", ended with 1: Error: out of luck$/),
  })
})

test('the service has its own Node and options, not those of the lab', () => {
  const bin = join(repository, 'node_modules/.bin')
  const environment = environmentWith('file:///ledger.js', {
    PATH: [bin, '/home/me/node_modules/.bin', '/usr/bin'].join(delimiter),
    NODE_OPTIONS: '--max-old-space-size=256',
    npm_config_local_prefix: repository,
    NODE: '/usr/bin/node',
    DATABASE_URL: 'postgresql://db/shop',
  })
  expect(environment).toEqual({
    PATH: ['/home/me/node_modules/.bin', '/usr/bin'].join(delimiter),
    NODE_OPTIONS: '--max-old-space-size=256 --import file:///ledger.js',
    CPU_LEDGER_PORT: '0',
    DATABASE_URL: 'postgresql://db/shop',
  })
})

test('a process that SIGUSR1 would end is left alone', async () => {
  const other = await spawnGuarded('sleep', ['60'], { stdio: 'ignore' })
  const deaf = await spawnGuarded(
    process.execPath,
    ['--disable-sigusr1', '-e', 'setInterval(() => {}, 1000)'],
    {
      stdio: 'ignore',
    },
  )
  try {
    await pause(500)
    for (const { pid } of [other, deaf]) {
      expect(catchesSigusr1(pid)).toBe(false)
      expect(await profileThroughInspector(pid, 1, signal)).toBeNull()
      expect(profilerOfRunning([pid])).toMatch(/^No profile: /)
    }
    expect(catchesSigusr1(process.pid)).toBe(true)
  } finally {
    await Promise.all([other.end(), deaf.end()])
  }
})
