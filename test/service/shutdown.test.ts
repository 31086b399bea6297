import { once } from 'node:events'
import { Agent, request as httpRequest } from 'node:http'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createConnectedDatabase } from '../helpers/database.ts'
import { RawClient } from '../helpers/http.ts'
import { start } from '../helpers/service.ts'

let database: Awaited<ReturnType<typeof createConnectedDatabase>>

beforeAll(async () => {
  database = await createConnectedDatabase()
})
afterAll(() => database.drop())

/** Holds what the service inserts until it is released. */
async function lockTexts() {
  const lock = new pg.Client({ connectionString: database.url })
  await lock.connect()
  await lock.query('BEGIN; LOCK TABLE simple_text IN ACCESS EXCLUSIVE MODE')
  onTestFinished(() => lock.end())
  return () => lock.query('COMMIT')
}

const waiting = async () =>
  (
    await database.sql.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    )
  ).rowCount

it.each(['SIGTERM', 'SIGINT'] as const)('%s ends an idle service, with exit code 0', async signal => {
  const { service, errors } = await start(database.url)
  process.kill(service.pid, signal)
  expect(await service.ended).toEqual({ code: 0, signal: null })
  expect(errors()).toBe('')
})

it('ends with exit code 0, and soon, although the collector of its spans is away', async () => {
  const { url, service } = await start(database.url, {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    OTEL_TRACES_SAMPLER_ARG: '1',
    // Exporting alone would outlast the grace that the service has.
    SHUTDOWN_GRACE_MS: '5000',
  })
  expect((await fetch(`${url}/test-insert`)).status).toBe(200)
  process.kill(service.pid, 'SIGTERM')
  expect(await service.ended).toEqual({ code: 0, signal: null })
})

describe('SIGTERM', () => {
  it('answers every request in flight, says that it is not ready, and takes no new connections', async () => {
    const { url, service } = await start(database.url, { POOL_SIZE: '5' })
    const agent = new Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())
    // The request is on its way when the signal comes, and ends later.
    const asks = await RawClient.connect(url)
    await asks.write('GET /readyz HTTP/1.1\r\nhost: x\r\n')

    const release = await lockTexts()
    const strategies = ['batched', 'single', 'prepared', 'copy']
    const answers = strategies.flatMap(strategy =>
      [1, 2, 3].map(() => {
        const request = httpRequest(`${url}/test-insert?rows=2&strategy=${strategy}`, { agent }).end()
        return once(request, 'response').then(
          ([response]) => [response.resume().statusCode, response.headers.connection],
          error => (error as NodeJS.ErrnoException).code,
        )
      }),
    )
    const bulk = await RawClient.connect(url)
    await bulk.write(
      'POST /texts/bulk HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n' +
        'd\r\n{"text":"a"}\n\r\n',
    )
    await expect.poll(waiting).toBeGreaterThanOrEqual(5)

    process.kill(service.pid, 'SIGTERM')
    await expect
      .poll(() =>
        RawClient.connect(url).then(
          () => 'connected',
          () => 'refused',
        ),
      )
      .toBe('refused')
    await asks.write('\r\n')
    expect(await asks.untilClosed()).toMatch(/^HTTP\/1\.1 503 [\s\S]*"not_ready"/)
    await bulk.write('0\r\n\r\n')
    await release()

    expect(await Promise.all(answers)).toEqual(answers.map(() => [200, 'close']))
    expect(await bulk.untilClosed()).toMatch(/^HTTP\/1\.1 201 /)
    expect(await service.ended).toEqual({ code: 0, signal: null })
  })

  it('answers what came on a connection before and after the signal', async () => {
    const { url, service, log } = await start(database.url)
    const release = await lockTexts()
    const client = await RawClient.connect(url)
    const insert = 'GET /test-insert?strategy=single HTTP/1.1\r\nhost: x\r\n\r\n'
    await client.write(insert)
    await expect.poll(waiting).toBe(1)
    process.kill(service.pid, 'SIGTERM')
    await expect.poll(log).toContain('the service drains')
    await client.write(insert)
    await expect.poll(waiting).toBe(2)
    await release()
    const answers = (await client.untilClosed()).split(/(?=HTTP\/1\.1 )/)
    expect(answers.map(answer => [answer.slice(0, 12), /connection: close/i.test(answer)])).toEqual([
      ['HTTP/1.1 200', false],
      ['HTTP/1.1 200', true],
    ])
    expect(await service.ended).toEqual({ code: 0, signal: null })
  })

  it('does not wait longer than its grace', async () => {
    const { url, service, log } = await start(database.url, { SHUTDOWN_GRACE_MS: '500' })
    const release = await lockTexts()
    const answer = fetch(`${url}/test-insert`).catch(() => 'cut')
    await expect.poll(waiting).toBe(1)
    process.kill(service.pid, 'SIGTERM')
    expect(await service.ended).toEqual({ code: 1, signal: null })
    expect(await answer).toBe('cut')
    expect(log()).toContain('killed by timeout (500ms)')
    await release()
  })

  const json = 'host: x\r\ncontent-type: application/json\r\n'
  it.each([
    ['half the headers', 'GET /ping/ HTTP/1.1\r\nhost: x\r\nunfinished: '],
    ['half a body', `POST /texts HTTP/1.1\r\n${json}content-length: 100\r\n\r\n{"text":`],
    [
      'half a stream',
      'POST /texts/bulk HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ncontent-length: 100\r\n\r\n{"text":"a"}\n',
    ],
  ])('does not take the whole grace for a client that sends %s and then nothing', async (_, bytes) => {
    const { url, service } = await start(database.url, { SHUTDOWN_GRACE_MS: '12000' })
    const client = await RawClient.connect(url)
    await client.write(bytes)
    const other = await RawClient.connect(url)
    await other.write('GET /ping/ HTTP/1.1\r\nhost: x\r\n\r\n')
    await expect.poll(() => other.received).toContain('pong')
    process.kill(service.pid, 'SIGTERM')
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 408 [\s\S]*"request_timeout"/)
    // Where the grace is over, the code is 1.
    expect(await service.ended).toEqual({ code: 0, signal: null })
  })

  it('lets a client finish what it still sends', async () => {
    const { url, service } = await start(database.url)
    const client = await RawClient.connect(url)
    await client.write(`POST /texts HTTP/1.1\r\n${json}content-length: 22\r\n\r\n{"text":`)
    process.kill(service.pid, 'SIGTERM')
    const refused = () =>
      RawClient.connect(url).then(
        () => 'connected',
        () => 'refused',
      )
    await expect.poll(refused).toBe('refused')
    await client.write('"still sent"}\n')
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 201 [\s\S]*connection: close/i)
    expect(await service.ended).toEqual({ code: 0, signal: null })
  })

  it('is not put off by clients that keep their connections open and say nothing', async () => {
    const { url, service } = await start(database.url)
    const idle = await Promise.all([1, 2, 3].map(() => RawClient.connect(url)))
    await idle[0]?.write('GET /ping/ HTTP/1.1\r\nhost: x\r\n\r\n')
    await expect.poll(() => idle[0]?.received).toContain('pong')
    process.kill(service.pid, 'SIGTERM')
    expect(await service.ended).toEqual({ code: 0, signal: null })
    await Promise.all(idle.map(client => client.untilClosed()))
  })
})

it('listens on one address for a name that has two, because the drain knows one server', async () => {
  const { log } = await start(database.url, { HOST: 'localhost' })
  const [, line] = /^(.*"the service listens".*)$/m.exec(log()) ?? []
  expect(JSON.parse(line ?? '{}')).toMatchObject({ addresses: [{ address: '127.0.0.1' }] })
})

it('a client that asks for a proxy and then resets its connection does not end the service', async () => {
  const { url, service, errors } = await start(database.url)
  for (let i = 0; i < 20; i++) {
    const client = await RawClient.connect(url)
    await client.write('CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n')
    if (i % 2 === 0) await expect.poll(() => client.received).toContain('http_malformed')
    client.destroy()
  }
  expect((await fetch(`${url}/livez`)).status).toBe(200)
  process.kill(service.pid, 'SIGTERM')
  expect(await service.ended).toEqual({ code: 0, signal: null })
  expect(errors()).toBe('')
})

it('a crash ends the service with exit code 1 and a line in the log', async () => {
  const crash = fileURLToPath(new URL('./crash-on-signal.ts', import.meta.url))
  const { service, log } = await start(database.url, { NODE_OPTIONS: `--import=${crash}` })
  process.kill(service.pid, 'SIGUSR2')
  expect(await service.ended).toEqual({ code: 1, signal: null })
  expect(log()).toMatch(/"level":60.*the service fails/)
})
