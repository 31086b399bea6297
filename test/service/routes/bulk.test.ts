import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openApp, type RunningApp, startApp } from '../../helpers/app.ts'
import { lockTable, metric } from '../../helpers/gate.ts'
import { expectJson, expectProblem, RawClient, send } from '../../helpers/http.ts'
import { collectGarbage } from '../../helpers/memory.ts'
import { refuseBadTexts } from '../store/refusing-trigger.ts'

let app: RunningApp

beforeAll(async () => {
  app = await openApp({ POOL_SIZE: 4 })
})
afterAll(() => app.close())
beforeEach(() => app.sql('TRUNCATE simple_text'))

const texts = async (of = app) =>
  (await of.sql('SELECT text FROM simple_text ORDER BY id')).map(({ text }) => text as string)
const line = (text: string) => `${JSON.stringify({ text })}\n`

function bulk(body: string | Buffer, { to = app, type = 'application/x-ndjson' } = {}): Promise<Response> {
  return send('POST', `${to.url}/texts/bulk`, body as NonNullable<RequestInit['body']>, {
    headers: { 'content-type': type },
  })
}

/** Sends the chunks as they are, each in a packet of its own, and waits for the answer. */
async function bulkInChunks(chunks: readonly (string | Buffer)[]) {
  const request = httpRequest(`${app.url}/texts/bulk`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
  })
  const answered = once(request, 'response')
  for (const chunk of chunks) {
    await new Promise(resolve => request.write(chunk, resolve))
    await sleep(1)
  }
  request.end()
  const [response] = await answered
  let body = ''
  for await (const chunk of response) body += chunk
  return { status: response.statusCode, body: JSON.parse(body) }
}

/** Every connection of the pool has come back. */
const untilIdle = (of = app) =>
  expect.poll(() => of.store.database.counts(), { interval: 5 }).toMatchObject({ used: 0, pending: 0 })

describe('POST /texts/bulk', () => {
  it.each(['application/x-ndjson', 'application/ndjson', 'application/x-ndjson; charset=utf-8'])(
    'stores every line of %s and answers with their number',
    async type => {
      expect(await expectJson(await bulk(line('one') + line('two') + line('three'), { type }), 201)).toEqual({
        count: 3,
      })
      expect(await texts()).toEqual(['one', 'two', 'three'])
    },
  )

  it.each([
    ['nothing at all', '', []],
    ['only blank lines', '\n\r\n  \n', []],
    ['no newline at the end', '{"text":"a"}\n{"text":"b"}', ['a', 'b']],
    ['CRLF', '{"text":"a"}\r\n{"text":"b"}\r\n', ['a', 'b']],
    ['blank lines between', '{"text":"a"}\n\n \n{"text":"b"}\n\n', ['a', 'b']],
    ['blanks around', '  {"text" : "a"}  \n\t{"text":"b"}', ['a', 'b']],
    ['other properties', '{"id":7,"text":"a","more":{"text":"no"}}\n', ['a']],
    ['the empty text', '{"text":""}\n{"text":""}\n', ['', '']],
  ])('takes a stream with %s', async (_, body, stored) => {
    expect(await expectJson(await bulk(body), 201)).toEqual({ count: stored.length })
    expect(await texts()).toEqual(stored)
  })

  it('stores what means something to COPY or JSON as it is', async () => {
    const awkward = [
      '\\N',
      '\\.',
      '\\',
      '\t',
      '\n',
      '\r\n',
      '\\n',
      'NULL',
      '"',
      '🙂',
      '\u2028',
      '\ufeff',
      '\u0001',
    ]
    await expectJson(await bulk(awkward.map(line).join('')), 201)
    expect(await texts()).toEqual(awkward)
  })

  it('cuts lines at newlines, wherever the packets are cut', async () => {
    const stored = ['grüße', '日本語', '🙂🙂', 'e\u0301']
    const bytes = Buffer.from(stored.map(line).join(''))
    const single = Array.from(bytes, byte => Buffer.of(byte))
    expect(await bulkInChunks(single)).toEqual({ status: 201, body: { count: 4 } })
    expect(await texts()).toEqual(stored)
  })

  it('takes a line that spans many packets', async () => {
    const long = 'ä'.repeat(500_000)
    await expectJson(await bulk(line('before') + line(long) + line('after')), 201)
    expect(await texts()).toEqual(['before', long, 'after'])
  })

  it.each([
    ['not JSON', 'nonsense'],
    ['cut off', '{"text":"a'],
    ['two objects', '{"text":"a"}{"text":"b"}'],
    ['no object', '"text"'],
    ['null', 'null'],
    ['a list', '["a"]'],
    ['without a text', '{"txt":"a"}'],
    ['a text that is no string', '{"text":1}'],
    ['a text that is null', '{"text":null}'],
    ['NUL', '{"text":"a\\u0000"}'],
    ['a lone surrogate', '{"text":"\\ud800"}'],
  ])('refuses a line that is %s by its number and keeps nothing', async (_, bad) => {
    for (const [body, number] of [
      [`${line('a')}${line('b')}${bad}\n${line('c')}`, 3],
      [`${bad}\n`, 1],
      [`${line('a')}\n${bad}`, 3],
    ] as const) {
      const { detail } = await expectProblem(await bulk(body), 400, 'line_invalid')
      expect(detail).toMatch(new RegExp(`^line ${number}: `))
    }
    expect(await texts()).toEqual([])
    await untilIdle()
  })

  it('refuses a bad line far down a long stream, before it was all sent', async () => {
    const good = line('a good text').repeat(50_000)
    const { detail } = await expectProblem(await bulk(`${good}bad\n${good}${good}`), 400, 'line_invalid')
    expect(detail).toMatch(/^line 50001: /)
    expect(await texts()).toEqual([])
    await untilIdle()
  })

  it('refuses a line longer than any text may be', async () => {
    const { detail } = await expectProblem(
      await bulk(`${line('a')}{"text":"${'x'.repeat(3_000_000)}"}`),
      400,
      'line_invalid',
    )
    expect(detail).toMatch(/^line 2: it is too long/)
    await untilIdle()
  })

  it('keeps nothing where PostgreSQL refuses a line', async () => {
    const refusing = await startApp()
    await refuseBadTexts(refusing)
    const { detail } = await expectProblem(
      await bulk(line('a') + line('bad') + line('c'), { to: refusing }),
      400,
      'text_not_storable',
    )
    expect(detail).toContain('23514')
    expect(await texts(refusing)).toEqual([])
    await untilIdle(refusing)
  })

  it.each(['application/json', 'text/plain', 'application/x-www-form-urlencoded', 'nonsense'])(
    'refuses the media type %s and takes no connection for it',
    async type => {
      for (const body of ['{"text":"a"}', '["{\\"text\\":\\"a\\"}"]', '']) {
        await expectProblem(await bulk(body, { type }), 415, 'media_type_unsupported')
      }
      expect(await texts()).toEqual([])
      await untilIdle()
    },
  )

  it('refuses a request without a body or its type', async () => {
    const answer = await fetch(`${app.url}/texts/bulk`, { method: 'POST' })
    await expectProblem(answer, 415, 'media_type_unsupported')
    await untilIdle()
  })
})

describe('a client that does not behave', () => {
  const head =
    'POST /texts/bulk HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n'
  const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`

  it('leaves nothing behind when it disconnects in the middle, and no connection is lost', async () => {
    // More often than the pool has connections.
    for (let i = 0; i < 10; i++) {
      const client = await RawClient.connect(app.url)
      await client.write(head + chunk(line(`left ${i}`).repeat(1000)))
      await expect.poll(() => app.store.database.counts().used, { interval: 5 }).toBeGreaterThan(0)
      client.destroy()
    }
    await untilIdle()
    expect(await texts()).toEqual([])
    await expectJson(await bulk(line('after')), 201)
    expect(await texts()).toEqual(['after'])
    expect(app.log.filter(each => each.includes('request failed'))).toEqual([])
  })

  it('does not store a stream that ends without its end', async () => {
    const client = await RawClient.connect(app.url)
    await client.write(head + chunk(line('whole')) + chunk('{"text":"ha'))
    await expect.poll(() => app.store.database.counts().used, { interval: 5 }).toBe(1)
    client.socket.end()
    await client.untilClosed()
    await untilIdle()
    expect(await texts()).toEqual([])
  })

  it('may take longer than a statement may', async () => {
    const hasty = await startApp({ REQUEST_DEADLINE_MS: 2000 })
    const client = await RawClient.connect(hasty.url)
    await client.write(head)
    for (let i = 0; i < 10; i++) {
      await client.write(chunk(line(`slow ${i}`)))
      await sleep(250)
    }
    await client.write('0\r\n\r\n')
    await expect.poll(() => client.received).toMatch(/^HTTP\/1\.1 201 [\s\S]*"count":10/)
    client.destroy()
    expect(await texts(hasty)).toHaveLength(10)
  })

  it('leaves half of the pool to others, however slowly its streams come', async () => {
    const small = await startApp({ POOL_SIZE: 4 })
    const slow = await Promise.all([1, 2].map(() => RawClient.connect(small.url)))
    for (const client of slow) await client.write(head + chunk('{"text":"'))
    await expect.poll(() => small.store.database.counts().used).toBe(2)

    const third = bulk(line('third'), { to: small })
    await expect.poll(() => metric(small, 'http_server_active_requests')).toBe(3)
    await expectJson(await fetch(`${small.url}/readyz`), 200)
    expect(small.store.database.counts()).toMatchObject({ used: 2, pending: 0 })

    for (const client of slow) {
      await client.write(`${chunk('slow"}\n')}0\r\n\r\n`)
      await expect.poll(() => client.received).toMatch(/^HTTP\/1\.1 201 /)
      client.destroy()
    }
    await expectJson(await third, 201)
    expect((await texts(small)).toSorted()).toEqual(['slow', 'slow', 'third'])
  })

  it('is refused if it waits too long for slow streams to end', async () => {
    const small = await startApp({ POOL_SIZE: 2, REQUEST_DEADLINE_MS: 2000 })
    const slow = await RawClient.connect(small.url)
    await slow.write(head)
    const drip = setInterval(() => slow.socket.write(chunk(line('slow'))), 200)
    await expect.poll(() => small.store.database.counts().used).toBe(1)
    const refused = await bulk(line('one too many'), { to: small })
    clearInterval(drip)
    expect(refused.headers.get('retry-after')).toBe('1')
    await expectProblem(refused, 503, 'deadline_exceeded')
    slow.destroy()
    await untilIdle(small)
    expect(await texts(small)).toEqual([])
  })

  it('does not hold a connection for ever by sending nothing', async () => {
    const hasty = await startApp({ REQUEST_DEADLINE_MS: 2000 })
    const client = await RawClient.connect(hasty.url)
    await client.write(head + chunk(line('and then nothing')))
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 408 [\s\S]*"request_timeout"/)
    await untilIdle(hasty)
    expect(await texts(hasty)).toEqual([])
  })
})

describe('a database that does not behave', () => {
  it('holds the client back while it does not take more', async () => {
    const gate = await lockTable(app, 'simple_text')
    const client = await RawClient.connect(app.url)
    await client.write(
      'POST /texts/bulk HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n',
    )
    await gate.waiters(1)
    const part = line('x'.repeat(1000)).repeat(64)
    const bytes = `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`
    const parts = 1000
    for (let i = 0; i < parts; i++) client.socket.write(bytes)
    client.socket.write('0\r\n\r\n')
    // The kernel's socket buffers and the streams' own take some MB of the 65; the rest stays with the client.
    await sleep(500)
    expect(client.socket.writableLength).toBeGreaterThan(40e6)
    await gate.open()
    expect(await client.untilClosed()).toMatch(/^HTTP\/1\.1 201 [\s\S]*"count":64000/)
    expect((await texts()).length).toBe(parts * 64)
  })

  it('keeps nothing where it ends the connection in the middle, and says so', async () => {
    const client = await RawClient.connect(app.url)
    await client.write(
      'POST /texts/bulk HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n',
    )
    const part = line('a')
    await client.write(`${part.length.toString(16)}\r\n${part}\r\n`)
    const copying = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%' AND state = 'active'`
    await expect.poll(() => app.sql(copying), { interval: 5 }).toHaveLength(1)
    await app.sql(`SELECT pg_terminate_backend(pid) FROM (${copying}) AS each`)
    await expect.poll(() => client.received).toMatch(/^HTTP\/1\.1 503 [\s\S]*"database_unavailable"/)
    client.destroy()
    await untilIdle()
    expect(await texts()).toEqual([])
    await expectJson(await bulk(line('after')), 201)
  })
})

describe('the settings of a stream', () => {
  const refused = `${line('a')}nonsense\n`

  it.each([
    ['was stored', line('a')],
    ['was refused', refused],
  ])('are not left on its connection when it %s', async (_, body) => {
    const own = await startApp({ POOL_SIZE: 1 })
    const settings = () =>
      own.store.database.query({
        text: `SELECT pg_backend_pid(), current_setting('statement_timeout'), current_setting('lock_timeout'),
          current_setting('synchronous_commit')`,
      })
    const before = await settings()
    expect((await bulk(body, { to: own })).status).toBe(body === refused ? 400 : 201)
    expect(await settings()).toEqual(before)
  })

  it('are those of its transaction alone, for the sake of poolers in transaction mode', async () => {
    const own = await startApp({ POOL_SIZE: 1 })
    await expectJson(await bulk(line('a'), { to: own }), 201)
    const sent = await own.sql(
      `SELECT query FROM pg_stat_statements JOIN pg_database ON dbid = pg_database.oid
      WHERE datname = current_database() AND query ~ '^(SET|RESET)'`,
    )
    expect(sent.map(({ query }) => query)).toEqual([
      expect.stringMatching(/^SET LOCAL /),
      expect.stringMatching(/^SET LOCAL /),
    ])
  })
})

describe('a long stream', () => {
  it('of 100,000 rows is stored whole, in memory that does not grow with it', async () => {
    const rows = 100_000
    const padding = 'x'.repeat(900)
    const request = httpRequest(`${app.url}/texts/bulk`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
    })
    const answered = once(request, 'response')
    collectGarbage()
    const before = process.memoryUsage().rss
    let peak = before
    const perWrite = 100
    const collectEvery = 5_000
    for (let i = 0; i < rows; i += perWrite) {
      const part = Array.from({ length: perWrite }, (_, j) => line(`${i + j} ${padding}`)).join('')
      if (!request.write(part)) await once(request, 'drain')
      // What is kept counts, and not what a busy collector has not come to yet.
      if (i % collectEvery === 0) collectGarbage()
      peak = Math.max(peak, process.memoryUsage().rss)
    }
    request.end()
    const [response] = await answered
    expect(response.statusCode).toBe(201)
    response.resume()
    // The stream is 92 MB; the client, which shares this process, holds none of it either.
    expect((peak - before) / 1e6).toBeLessThan(90)
    expect(
      await app.sql(
        `SELECT count(DISTINCT split_part(text, ' ', 1))::int AS rows, count(*)::int FROM simple_text`,
      ),
    ).toEqual([{ rows, count: rows }])
  })
})
