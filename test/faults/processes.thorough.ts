import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { RawClient } from '../helpers/http.ts'
import { listProcesses } from '../helpers/processes.ts'
import { start } from '../helpers/service.ts'
import { DatabaseServer } from './database-server.ts'
import { type Fault, testFault, type World } from './fault.ts'
import { newTexts, postOfText } from './load.ts'

let server: DatabaseServer

beforeAll(async () => {
  server = await DatabaseServer.create()
})
afterAll(() => server.stop())

const test = (fault: Fault) => testFault(() => server, fault)
const patient = { timeout: 30_000, interval: 50 }

async function workersOf({ service }: World): Promise<number[]> {
  const processes = await listProcesses()
  return processes.filter(each => each.parentPid === service.service.pid).map(({ pid }) => pid)
}

describe('a worker of two', () => {
  test({
    name: 'worker of two killed (SIGKILL)',
    env: { WORKERS: '2' },
    async inflict(world) {
      const [worker = 0] = await workersOf(world)
      // Both workers are to have requests, and at this rate there may be moments without.
      const lock = await server.lock(world.database, 'simple_text')
      await expect.poll(() => world.load.open, patient).toBeGreaterThan(32)
      process.kill(worker, 'SIGKILL')
      await lock.end()
      await expect.poll(async () => (await workersOf(world)).includes(worker), patient).toBe(false)
      await expect.poll(async () => (await workersOf(world)).length, patient).toBe(2)
    },
    lastsMs: 0,
    // Whose connection was with the worker sees it reset; nobody else notices.
    check: ({ answers }) => expect(Object.keys(answers).sort()).toEqual(['200', '201', 'ECONNRESET']),
  })

  test({
    name: 'worker of two out of memory',
    env: { WORKERS: '2' },
    nodeOptions: ['--max-old-space-size=56'],
    async inflict(world) {
      const { service, load } = world
      const before = await workersOf(world)
      const lock = await server.lock(world.database, 'simple_text')
      // All on one connection, so that one worker gets them and keeps them in its queue.
      const client = await RawClient.connect(service.url)
      const closed = client.untilClosed().then(() => ({ status: 'worker died', body: '' }))
      for (let i = 0; i < 100; i++) {
        const text = `${newTexts()[0]} ${'x'.repeat(1_000_000)}`
        void load.record('text', [text], closed)
        void client.write(postOfText(text))
      }
      await closed
      await lock.end()
      const survivors = async () => (await workersOf(world)).filter(pid => before.includes(pid))
      await expect.poll(async () => (await survivors()).length, patient).toBe(1)
      await expect.poll(async () => (await workersOf(world)).length, patient).toBe(2)
    },
    lastsMs: 0,
    check: (_, { service }) => expect(service.errors()).toContain('heap'),
  })
})

describe('a planned restart', () => {
  test({
    name: 'rolling restart of two workers (SIGHUP)',
    env: { WORKERS: '2' },
    inflict: async ({ service }) => process.kill(service.service.pid, 'SIGHUP'),
    lastsMs: 0,
    heal: ({ service }) =>
      expect.poll(() => service.log(), patient).toContain('the rolling restart has ended'),
    isUnnoticed: true,
  })

  test({
    name: 'SIGTERM, with a successor behind a balancer',
    isBalanced: true,
    async inflict({ service, entrance, database }) {
      const successor = await start(server.url(database))
      entrance.switchTo(successor.url)
      process.kill(service.service.pid, 'SIGTERM')
      expect(await service.service.ended).toEqual({ code: 0, signal: null })
    },
    lastsMs: 0,
    isUnnoticed: true,
  })
})

describe.skipIf(process.platform !== 'linux')('file descriptors', () => {
  const limit = (pid: number, files: number) =>
    execFileSync('prlimit', ['--pid', String(pid), `--nofile=${files}:`])
  const clients: RawClient[] = []
  test({
    name: 'no file descriptors left',
    async inflict({ service, sql }) {
      // Fewer than are open: those stay, and there are no new ones.
      limit(service.service.pid, 10)
      await sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'insertlab'`)
      for (let i = 0; i < 100; i++) clients.push(await RawClient.connect(service.url))
    },
    async heal({ service }) {
      limit(service.service.pid, 10_000)
      for (const client of clients) client.destroy()
    },
    check: ({ answers }) => expect(answers['database_unavailable']).toBeGreaterThan(100),
  })
})
