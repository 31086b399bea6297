import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { Agent } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { findFreePort } from '../../src/lab/stack/free-port.ts'
import { Clients, get } from '../helpers/clients.ts'
import { createConnectedDatabase } from '../helpers/database.ts'
import { RawClient } from '../helpers/http.ts'
import { expectGone, listProcesses, processTree } from '../helpers/processes.ts'
import { type ServiceUnderTest, spawn, start } from '../helpers/service.ts'

let database: Awaited<ReturnType<typeof createConnectedDatabase>>

beforeAll(async () => {
  database = await createConnectedDatabase()
})
afterAll(() => database.drop())

const workersOf = async ({ service }: ServiceUnderTest) =>
  (await listProcesses()).filter(each => each.parentPid === service.pid).map(({ pid }) => pid)

async function text(url: string): Promise<string> {
  return (await fetch(url, { headers: { connection: 'close' } })).text()
}

/** Requests that each worker has answered, by its own count. */
async function answeredBy(started: ServiceUnderTest, workers: number): Promise<number[]> {
  return Promise.all(
    Array.from({ length: workers }, async (_, i) => {
      const metrics = await text(`http://127.0.0.1:${started.adminPort + 1 + i}/metrics`)
      const counts = metrics.matchAll(
        /^http_server_request_duration_seconds_count\{.*\/test-insert.*\} (\d+)/gm,
      )
      return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
    }),
  )
}

async function settledOf(answers: readonly Promise<string>[]): Promise<string[]> {
  const soon = await Promise.all(answers.map(each => Promise.race([each, sleep(100, null)])))
  return soon.filter(each => each !== null)
}

function load(url: string, clients: number, path = '/test-insert'): Clients {
  const running = new Clients(clients, agent => get(agent, url + path))
  onTestFinished(() => running.stop())
  return running
}

const answered = (clients: Clients) => clients.answers['200'] ?? 0

describe('several workers', () => {
  it('all serve, and the supervisor tells Prometheus where each can be scraped', async () => {
    const started = await start(database.url, { WORKERS: '3' })
    const clients = load(started.url, 30)
    await expect.poll(() => answered(clients)).toBeGreaterThan(1000)
    await clients.stop()
    expect(clients.otherThan(200)).toBe(0)

    const targets = JSON.parse(await text(`http://127.0.0.1:${started.adminPort}/targets`))
    expect(targets).toEqual(
      [1, 2, 3].map(i => ({
        targets: [`127.0.0.1:${started.adminPort + i}`],
        labels: { worker: String(i) },
      })),
    )
    const counts = await answeredBy(started, 3)
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(answered(clients))
    // The connections are dealt out in turn.
    for (const count of counts) expect(count).toBeGreaterThan(answered(clients) / 10)
    expect(await workersOf(started)).toHaveLength(3)
  })

  it('a killed one is started again, and nothing fails but what was on its connections', async () => {
    const started = await start(database.url, { WORKERS: '3' })
    const served = new Set<Agent>()
    const failed: Agent[] = []
    const clients = new Clients(30, async agent => {
      const answer = await get(agent, `${started.url}/test-insert`)
      if (answer.status === 200) served.add(agent)
      else failed.push(agent)
      return answer
    })
    onTestFinished(() => clients.stop())
    const untilAnswered = async (more: number) => {
      const before = answered(clients)
      await expect.poll(() => answered(clients), { timeout: 60_000 }).toBeGreaterThan(before + more)
    }
    await untilAnswered(300)
    const [killed = 0, ...others] = await workersOf(started)
    // Who is not answered while it is stopped is one of its clients; each has one request under way.
    process.kill(killed, 'SIGSTOP')
    await untilAnswered(300)
    served.clear()
    await untilAnswered(3000)
    const servedByOthers = new Set(served)
    process.kill(killed, 'SIGKILL')
    await expect.poll(async () => (await workersOf(started)).filter(pid => pid !== killed).length).toBe(3)
    await expect.poll(() => answeredBy(started, 3).catch(() => [])).toHaveLength(3)
    await untilAnswered(1000)

    expect(failed.filter(agent => servedByOthers.has(agent))).toEqual([])
    expect(new Set(failed).size).toBe(30 - servedByOthers.size)
    expect(servedByOthers.size).toBeLessThan(30)
    // Until the supervisor has heard of the death it hands on one more connection, which is then closed.
    expect(failed.length - new Set(failed).size).toBeLessThanOrEqual(1)
    expect(await workersOf(started)).toEqual(expect.arrayContaining(others))
    expect(started.log()).toContain('a worker crashed')
  })

  it('a connection on its way to one that dies is closed, so that its client can ask again', async () => {
    const started = await start(database.url, { WORKERS: '2' })
    const ask = () => text(`${started.url}/ping/`)
    const [stopped = 0] = await workersOf(started)
    process.kill(stopped, 'SIGSTOP')
    const answers = Array.from({ length: 12 }, () => ask().catch(() => 'closed'))
    // It may have taken one before it stopped, and one more is on its way; the other worker answers the rest.
    await expect.poll(async () => (await settledOf(answers)).length).toBeGreaterThanOrEqual(10)
    expect((await settledOf(answers)).length).toBeLessThan(12)
    process.kill(stopped, 'SIGKILL')
    await expect.poll(async () => (await settledOf(answers)).length).toBe(12)
    expect((await settledOf(answers)).filter(each => each === 'closed').length).toBeLessThanOrEqual(2)
    // None is handed to the dead.
    for (let i = 0; i < 6; i++) expect(await ask()).not.toBe('')
  })

  it('are all replaced on SIGHUP without losing a request', async () => {
    const started = await start(database.url, { WORKERS: '2' })
    const clients = load(started.url, 30)
    await expect.poll(() => answered(clients)).toBeGreaterThan(300)
    const before = await workersOf(started)
    process.kill(started.service.pid, 'SIGHUP')
    await expect
      .poll(() => started.log(), { timeout: 60_000, interval: 200 })
      .toContain('the rolling restart has ended')
    const after = await workersOf(started)
    expect(after).toHaveLength(2)
    expect(after.filter(pid => before.includes(pid))).toEqual([])

    const answeredByThen = answered(clients)
    await expect.poll(() => answered(clients)).toBeGreaterThan(answeredByThen + 1000)
    await clients.stop()
    expect(clients.answers).toEqual({ 200: answered(clients) })
    for (const count of await answeredBy(started, 2)) expect(count).toBeGreaterThan(0)
  })

  it('are all there again after a successor failed to start while the old worker died', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'insertlab-successor-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const [held, failing] = [join(folder, 'held'), join(folder, 'failing')]
    const fixture = fileURLToPath(new URL('./hold-or-fail.ts', import.meta.url))
    const started = await start(database.url, {
      WORKERS: '2',
      NODE_OPTIONS: `--import=${fixture}`,
      HOLD_FILE: held,
      FAIL_FILE: failing,
    })
    const [first = 0, second = 0] = (await workersOf(started)).sort((a, b) => a - b)
    await writeFile(held, '')
    await writeFile(failing, '')
    process.kill(started.service.pid, 'SIGHUP')
    await expect.poll(async () => (await workersOf(started)).length).toBe(3)
    // Worker 1 started first. Its successor is held, and ends with an error once it may go on.
    process.kill(first, 'SIGKILL')
    await expectGone([first])
    await rm(held)
    await expect.poll(() => started.log()).toContain('a new worker did not start, so the old ones stay')
    await rm(failing)
    await expect
      .poll(async () => (await answeredBy(started, 2).catch(() => [])).length, { timeout: 60_000 })
      .toBe(2)
    const workers = await workersOf(started)
    expect(workers).toHaveLength(2)
    expect(workers).toContain(second)
    const clients = load(started.url, 10)
    await expect.poll(() => answered(clients)).toBeGreaterThan(300)
    await clients.stop()
    expect(clients.otherThan(200)).toBe(0)
    for (const count of await answeredBy(started, 2)) expect(count).toBeGreaterThan(0)
    // The next rolling restart is not refused.
    process.kill(started.service.pid, 'SIGHUP')
    await expect
      .poll(async () => (await workersOf(started)).some(pid => workers.includes(pid)), { timeout: 60_000 })
      .toBe(false)
    expect(await workersOf(started)).toHaveLength(2)
  })

  it('that have not started yet do not hold up SIGTERM', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'insertlab-successor-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const held = join(folder, 'held')
    const fixture = fileURLToPath(new URL('./hold-or-fail.ts', import.meta.url))
    const started = await start(database.url, {
      WORKERS: '2',
      NODE_OPTIONS: `--import=${fixture}`,
      HOLD_FILE: held,
      SHUTDOWN_GRACE_MS: '600000',
    })
    await writeFile(held, '')
    process.kill(started.service.pid, 'SIGHUP')
    await expect.poll(async () => (await workersOf(started)).length).toBe(3)
    const pids = await processTree(started.service.pid)
    process.kill(started.service.pid, 'SIGTERM')
    expect(await started.service.ended).toEqual({ code: 0, signal: null })
    await expectGone(pids)
  })

  it('are replaced once although SIGHUP comes three times', async () => {
    const started = await start(database.url, { WORKERS: '2' })
    for (let i = 0; i < 3; i++) process.kill(started.service.pid, 'SIGHUP')
    await expect
      .poll(() => started.log(), { timeout: 60_000, interval: 200 })
      .toContain('the rolling restart has ended')
    await sleep(500)
    expect(await workersOf(started)).toHaveLength(2)
    expect(started.log().match(/all workers are replaced, one by one/g)).toHaveLength(1)
  })

  it.each([
    ['the supervisor alone', 1],
    // As Ctrl-C in a terminal does.
    ['the whole process group', -1],
  ])('SIGTERM to %s: all that is in flight is answered, exit code 0, nothing is left', async (_, sign) => {
    const started = await start(database.url, { WORKERS: '2' })
    const pids = await processTree(started.service.pid)
    expect(pids).toHaveLength(3)
    const lock = new pg.Client({ connectionString: database.url })
    await lock.connect()
    onTestFinished(() => lock.end())
    await lock.query('BEGIN; LOCK TABLE simple_text IN ACCESS EXCLUSIVE MODE')
    const answers = Array.from({ length: 10 }, () => fetch(`${started.url}/test-insert`))
    const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
    await expect.poll(async () => (await database.sql.query(waiting)).rowCount).toBe(2)

    process.kill(sign * started.service.pid, 'SIGTERM')
    const refused = () =>
      RawClient.connect(started.url).then(
        client => client.destroy(),
        () => 'refused',
      )
    await expect.poll(refused).toBe('refused')
    await lock.query('COMMIT')
    for (const answer of answers) expect((await answer).status).toBe(200)
    expect(await started.service.ended).toEqual({ code: 0, signal: null })
    await expectGone(pids)
  })

  it('SIGTERM during a rolling restart: what the old worker has taken is answered too', async () => {
    const started = await start(database.url, { WORKERS: '2' })
    const pids = await processTree(started.service.pid)
    const lock = new pg.Client({ connectionString: database.url })
    await lock.connect()
    onTestFinished(() => lock.end())
    await lock.query('BEGIN; LOCK TABLE simple_text IN ACCESS EXCLUSIVE MODE')
    const answers = Array.from({ length: 10 }, () => fetch(`${started.url}/test-insert`))
    const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
    await expect.poll(async () => (await database.sql.query(waiting)).rowCount).toBe(2)

    process.kill(started.service.pid, 'SIGHUP')
    await expect.poll(() => started.log()).toContain('the service drains')
    process.kill(started.service.pid, 'SIGTERM')
    await expect.poll(() => started.log().match(/the service drains/g)?.length).toBeGreaterThanOrEqual(3)
    await lock.query('COMMIT')
    for (const answer of answers) expect((await answer).status).toBe(200)
    expect(await started.service.ended).toEqual({ code: 0, signal: null })
    await expectGone(pids)
  })

  it('end with their supervisor, even if it is killed', async () => {
    const started = await start(database.url, { WORKERS: '2' })
    const pids = await processTree(started.service.pid)
    process.kill(started.service.pid, 'SIGKILL')
    await expectGone(pids)
  })
})

describe('max_connections', () => {
  it('is not reached by many workers with large pools, not even during a rolling restart', async () => {
    const { rows } = await database.sql.query(`SELECT current_setting('max_connections')::int AS max`)
    const started = await start(database.url, { WORKERS: '6', POOL_SIZE: '20' })
    const strategies = ['single', 'prepared', 'copy', 'batched']
    let asked = 0
    const clients = new Clients(60, agent =>
      get(agent, `${started.url}/test-insert?strategy=${strategies[asked++ % strategies.length]}`),
    )
    onTestFinished(() => clients.stop())
    const counts: number[] = []
    let isRestarting = false
    while (!started.log().includes('the rolling restart has ended')) {
      const { rowCount } = await database.sql.query(
        `SELECT FROM pg_stat_activity WHERE application_name = 'insertlab' AND datname = current_database()`,
      )
      counts.push(rowCount ?? 0)
      if (!isRestarting && answered(clients) > 3000) {
        isRestarting = true
        process.kill(started.service.pid, 'SIGHUP')
      }
      await sleep(100)
    }
    await clients.stop()
    expect(clients.answers).toEqual({ 200: answered(clients) })
    expect(Math.max(...counts)).toBeLessThanOrEqual(rows[0].max - 10)
    // The pools were used, so that there was something to divide.
    expect(Math.max(...counts)).toBeGreaterThan(6 * 6)
  })
})

describe('a crash at start', () => {
  it('of one worker ends all of them, with exit code 1 and its own line', async () => {
    const adminPort = await findFreePort(4)
    const taken = createServer().listen(adminPort + 2, '127.0.0.1')
    onTestFinished(() => void taken.close())
    await once(taken, 'listening')
    const started = await spawn(database.url, { WORKERS: '3', ADMIN_PORT: String(adminPort) })
    const pids = await processTree(started.service.pid)
    expect(await started.service.ended).toEqual({ code: 1, signal: null })
    expect(started.errors()).toMatch(
      new RegExp(
        `^insertlab: cannot listen on port ${adminPort + 2}: .*EADDRINUSE.* Set ADMIN_PORT to a free port\\.\\n$`,
      ),
    )
    await expectGone(pids)
  })
})
