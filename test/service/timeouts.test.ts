import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { type AppOverrides, startApp } from '../helpers/app.ts'
import { expectJson, RawClient } from '../helpers/http.ts'

const timeout = /^HTTP\/1\.1 408 Request Timeout\r\n[\s\S]*"request_timeout"/
const json = 'host: x\r\ncontent-type: application/json\r\n'
const bulk = 'POST /texts/bulk HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\n'

async function connect(overrides: AppOverrides) {
  const app = await startApp(overrides)
  return { app, client: await RawClient.connect(app.url) }
}

describe('a client that is told so and disconnected', () => {
  it.each([
    ['never finishes its headers', 'GET /ping/ HTTP/1.1\r\nhost: x\r\nunfinished: '],
    ['sends half a body', `POST /texts HTTP/1.1\r\n${json}content-length: 100\r\n\r\n{"text":`],
    [
      'sends half a chunked body',
      `POST /tasks/ HTTP/1.1\r\n${json}transfer-encoding: chunked\r\n\r\n5\r\n{"tit`,
    ],
    ['sends a header and no body', `PUT /tasks/1 HTTP/1.1\r\n${json}content-length: 100\r\n\r\n`],
  ])('%s', async (_, bytes) => {
    const { app, client } = await connect({ HEADERS_TIMEOUT_MS: 200, REQUEST_TIMEOUT_MS: 400 })
    await client.write(bytes)
    expect(await client.untilClosed()).toMatch(timeout)
    await expectJson(await fetch(`${app.url}/ping/`), 200)
    expect(app.log.filter(line => line.includes('request failed'))).toEqual([])
  })

  it('sends a body byte by byte, without an end', async () => {
    const { client } = await connect({ HEADERS_TIMEOUT_MS: 200, REQUEST_TIMEOUT_MS: 400 })
    await client.write(`POST /texts HTTP/1.1\r\n${json}content-length: 100000\r\n\r\n{"text":"`)
    const drip = setInterval(() => client.socket.write('x'), 20)
    const answer = await client.untilClosed()
    clearInterval(drip)
    expect(answer).toMatch(timeout)
  })
})

describe('a stream of lines', () => {
  it('may take longer than a request may, as long as lines come', async () => {
    const { app, client } = await connect({
      HEADERS_TIMEOUT_MS: 100,
      REQUEST_TIMEOUT_MS: 200,
      REQUEST_DEADLINE_MS: 10_000,
    })
    await client.write(`${bulk}connection: close\r\ntransfer-encoding: chunked\r\n\r\n`)
    for (let i = 0; i < 8; i++) {
      await client.write('d\r\n{"text":"a"}\n\r\n')
      await sleep(100)
    }
    await client.write('0\r\n\r\n')
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 201 [\s\S]*"count":8/)
    expect(await app.sql('SELECT FROM simple_text')).toHaveLength(8)
  })

  it('does not lift the limit from the next request on its connection', async () => {
    const { client } = await connect({ HEADERS_TIMEOUT_MS: 100, REQUEST_TIMEOUT_MS: 200 })
    await client.write(`${bulk}content-length: 13\r\n\r\n{"text":"a"}\n`)
    await expect.poll(() => client.received).toMatch(/^HTTP\/1\.1 201 /)
    await client.write(`POST /texts HTTP/1.1\r\n${json}content-length: 100\r\n\r\n{"text":`)
    expect((await client.untilClosed()).split('HTTP/1.1 ')[2]).toMatch(/^408 [\s\S]*"request_timeout"/)
  })
})

it('an idle connection is closed after KEEP_ALIVE_TIMEOUT_MS', async () => {
  const { client } = await connect({ KEEP_ALIVE_TIMEOUT_MS: 100 })
  await client.write('GET /ping/ HTTP/1.1\r\nhost: x\r\n\r\n')
  expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 200 [\s\S]*pong/)
})
