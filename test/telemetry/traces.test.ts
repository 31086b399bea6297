import { randomBytes } from 'node:crypto'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { metricNames } from '../../src/telemetry/metric-names.ts'
import type { ReceivedSpan } from '../fixtures/otlp-receiver.ts'
import { createDatabase } from '../helpers/database.ts'
import { scrape, sumOf } from './openmetrics.ts'
import { send, sendAll } from './requests.ts'
import { startTraced, traceOf } from './traced-service.ts'

const insertText = 'INSERT INTO simple_text (text) VALUES ($1) RETURNING id'
const listTasks = `SELECT id, title, done, to_json(created_at AT TIME ZONE 'UTC') AS "createdAt" FROM tasks WHERE id > $1 ORDER BY id LIMIT $2`
const takeIds = `SELECT nextval('simple_text_id_seq') AS id FROM generate_series(1, $1)`
const countTexts = 'SELECT count(*)::int AS count FROM simple_text WHERE id = ANY($1)'
const transaction = (...statements: string[]) => ['BEGIN', ...statements, 'COMMIT']

/** What a request of each kind sends to PostgreSQL in its own name. */
const queriesOf: Readonly<Record<string, readonly string[]>> = {
  '/ping/': [],
  '/test-insert?rows=1&strategy=prepared': [insertText],
  '/test-insert?rows=3&strategy=prepared': transaction(insertText, insertText, insertText),
  '/test-insert?rows=1&strategy=single': [insertText],
  '/test-insert?rows=2&strategy=single': transaction(insertText, insertText),
  // COPY itself is a stream, which the pg instrumentation does not see.
  '/test-insert?rows=2&strategy=copy': transaction(takeIds, countTexts),
  '/tasks/?limit=3': [listTasks],
}
const batchedPaths = ['/test-insert?rows=1&strategy=batched', '/test-insert?rows=3&strategy=batched']

let database: Awaited<ReturnType<typeof createDatabase>>
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

describe.each([0.1, 1])('with %d of the requests sampled, 64 at a time on a pool of 4', ratio => {
  const plainKinds = Object.keys(queriesOf)
  // Both loads at once: what leaks from a batch would land in a request of another kind.
  const paths = [...repeat(plainKinds, 150), ...repeat(batchedPaths, 600)]
  let sampled: { path: string; traceId: string; spanId: string }[]
  let spans: ReceivedSpan[]
  let children: Map<string, ReceivedSpan[]>

  beforeAll(async () => {
    await using traced = await startTraced(database.url, ratio)
    const answers = await sendAll(shuffled(paths), 64, async (agent, path) => {
      const { status, headers } = await send(agent, traced.service.url + path)
      return { path, status, trace: traceOf(headers['traceparent']) }
    })
    expect(answers.filter(({ status }) => status !== 200)).toEqual([])
    sampled = answers.flatMap(({ path, trace }) => (trace === null ? [] : [{ path, ...trace }]))
    spans = await traced.finish()
    children = Map.groupBy(spans, span => span.parentSpanId)
  })

  it('samples that share, and makes no server span but theirs', () => {
    expectShare(sampled.length, paths.length, ratio)
    const servers = spans.filter(span => span.kind === 'SERVER')
    expect(servers.map(span => span.spanId).sort()).toEqual(sampled.map(({ spanId }) => spanId).sort())
    expect(servers.every(span => span.parentSpanId === '')).toBe(true)
  })

  it('gives every server span exactly its own queries', () => {
    for (const { path, traceId, spanId } of sampled.filter(({ path }) => path in queriesOf)) {
      const queries = children.get(spanId) ?? []
      // Starts have the resolution of a millisecond, so their order says nothing.
      expect(texts(queries).sort(), path).toEqual([...(queriesOf[path] ?? [])].sort())
      expect(queries.every(span => span.traceId === traceId && span.kind === 'CLIENT')).toBe(true)
    }
  })

  it('links every sampled request of a batch from exactly one batch span, and no other', () => {
    const batched = sampled.filter(({ path }) => batchedPaths.includes(path))
    const batches = spans.filter(span => span.name === 'batch simple_text')
    const linked = batches.flatMap(span => span.links.map(link => `${link.traceId} ${link.spanId}`))
    expect(linked.sort()).toEqual(batched.map(({ traceId, spanId }) => `${traceId} ${spanId}`).sort())
    for (const { traceId, spanId } of batched) {
      const below = children.get(spanId) ?? []
      expect(below.map(span => [span.name, span.traceId]).sort()).toEqual([
        ['batch.run', traceId],
        ['batch.wait', traceId],
      ])
    }
    for (const batch of batches) {
      expect(batch).toMatchObject({ parentSpanId: '', droppedLinks: 0, kind: 'INTERNAL' })
      expect(batch.links.length).toBeGreaterThan(0)
      const queries = children.get(batch.spanId) ?? []
      expect(texts(queries)).toEqual([
        expect.stringMatching(/^(INSERT|WITH new AS .*INSERT) INTO simple_text\b/s),
      ])
      expect(queries[0]).toMatchObject({ traceId: batch.traceId, kind: 'CLIENT' })
    }
    // The way back: from each request to the batch that carried it, which links it in turn.
    for (const run of spans.filter(span => span.name === 'batch.run')) {
      expect(run.links).toHaveLength(1)
      const batch = batches.find(({ spanId }) => spanId === run.links[0]?.spanId)
      expect(batch?.traceId).toBe(run.links[0]?.traceId)
      expect(batch?.links.map(link => link.spanId)).toContain(run.parentSpanId)
    }
    if (ratio === 1) {
      const rows = batches.reduce((sum, span) => sum + Number(span.attributes['insertlab.batch.rows']), 0)
      expect(rows).toBe(600 * 1 + 600 * 3)
    }
  })

  it('makes no span beside these', () => {
    const batches = spans.filter(span => span.name === 'batch simple_text')
    const queries = sampled.reduce((sum, { path }) => sum + (queriesOf[path]?.length ?? 0), 0)
    const batched = sampled.filter(({ path }) => batchedPaths.includes(path)).length
    expect(spans.length).toBe(sampled.length + queries + 2 * batched + 2 * batches.length)
  })
})

describe('an incoming traceparent', () => {
  const newTraceId = () => randomBytes(16).toString('hex')
  const newSpanId = () => randomBytes(8).toString('hex')
  const ask = async (url: string, traceparent: string) => {
    const agent = new Agent()
    const { status, headers } = await send(agent, `${url}/ping/`, { headers: { traceparent } })
    expect(status).toBe(200)
    return headers['traceparent']
  }

  it('with the sampled flag is continued, and answered in the header', async () => {
    await using traced = await startTraced(database.url, 0)
    const [traceId, parentId] = [newTraceId(), newSpanId()]
    const answered = traceOf(await ask(traced.service.url, `00-${traceId}-${parentId}-01`))
    // A later version may set more flags and append fields; what is known of it still counts.
    const [laterId, laterParentId] = [newTraceId(), newSpanId()]
    const later = traceOf(await ask(traced.service.url, `cc-${laterId}-${laterParentId}-09-what-ever`))
    const spans = await traced.finish()
    expect(answered?.traceId).toBe(traceId)
    expect(later?.traceId).toBe(laterId)
    expect(spans.map(span => [span.traceId, span.spanId, span.parentSpanId])).toEqual([
      [traceId, answered?.spanId, parentId],
      [laterId, later?.spanId, laterParentId],
    ])
  })

  it('without it is not recorded, whatever the ratio', async () => {
    await using traced = await startTraced(database.url, 1)
    for (let i = 0; i < 20; i++) {
      expect(await ask(traced.service.url, `00-${newTraceId()}-${newSpanId()}-00`)).toBeUndefined()
    }
    expect(await traced.finish()).toEqual([])
  })

  it('that is malformed is as good as none', async () => {
    const [traceId, spanId] = [newTraceId(), newSpanId()]
    const malformed = [
      'nonsense',
      `00-${traceId}-${spanId}`,
      `00-${traceId}-${spanId}-1`,
      `00-${traceId.slice(1)}-${spanId}-01`,
      `00-${traceId}-${spanId.slice(1)}-01`,
      `00-${'0'.repeat(32)}-${spanId}-01`,
      `00-${traceId}-${'0'.repeat(16)}-01`,
      `ff-${traceId}-${spanId}-01`,
      `00-${'x'.repeat(32)}-${spanId}-01`,
      `00-${traceId}-${spanId}-01-more`,
      `00-${traceId}-${spanId}-01, 00-${traceId}-${spanId}-01`,
    ]
    await using never = await startTraced(database.url, 0)
    await using always = await startTraced(database.url, 1)
    for (const header of malformed) {
      expect(await ask(never.service.url, header), header).toBeUndefined()
      const root = traceOf(await ask(always.service.url, header))
      expect(root?.traceId, header).toMatch(/^[0-9a-f]{32}$/)
      expect(root?.traceId, header).not.toBe(traceId)
    }
    expect(await never.finish()).toEqual([])
    const roots = await always.finish()
    expect(roots).toHaveLength(malformed.length)
    expect(roots.every(span => span.parentSpanId === '')).toBe(true)
  })

  it('keeps to its own request on a connection that is kept alive', async () => {
    await using traced = await startTraced(database.url, 0, { POOL_SIZE: '1' })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const url = `${traced.service.url}/test-insert?strategy=`
    const sampled: string[] = []
    for (let i = 0; i < 60; i++) {
      const strategy = ['prepared', 'batched', 'single'][i % 3]
      const traceId = newTraceId()
      const traceparent = `00-${traceId}-${newSpanId()}-01`
      if (i % 2 === 0) sampled.push(traceId)
      const { headers } = await send(agent, url + strategy, i % 2 === 0 ? { headers: { traceparent } } : {})
      expect(headers['traceparent'] === undefined).toBe(i % 2 === 1)
    }
    agent.destroy()
    const spans = await traced.finish()
    const servers = spans.filter(span => span.kind === 'SERVER')
    expect(servers.map(span => span.traceId)).toEqual(sampled)
    const batches = new Set(spans.filter(span => span.name === 'batch simple_text').map(span => span.traceId))
    expect(batches.size).toBe(10)
    const strangers = spans.filter(span => !sampled.includes(span.traceId) && !batches.has(span.traceId))
    expect(strangers).toEqual([])
    // prepared and single: server and query; batched: server, wait, run, batch and its query.
    expect(spans.length).toBe(10 * 2 + 10 * 5 + 10 * 2)
  })

  it('keeps to a request whose body comes later, on a connection of several requests', async () => {
    await using traced = await startTraced(database.url, 0)
    const { hostname, port, host } = new URL(traced.service.url)
    const socket = connect(Number(port), hostname)
    let answers = ''
    socket.setEncoding('utf8').on('data', chunk => {
      answers += chunk
    })
    const body = '{"text":"late"}'
    const head = `POST /texts HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`
    const traceIds = [newTraceId(), newTraceId()]
    for (const [i, traceId] of traceIds.entries()) {
      socket.write(`${head}traceparent: 00-${traceId}-${newSpanId()}-01\r\n\r\n`)
      await expect
        .poll(async () => sumOf(await scrape(traced.service.adminUrl), metricNames.activeRequests))
        .toBe(1)
      socket.write(body)
      await expect.poll(() => answers.split('HTTP/1.1 201').length - 1).toBe(i + 1)
    }
    socket.destroy()
    const spans = await traced.finish()
    const servers = spans.filter(span => span.kind === 'SERVER')
    expect(servers.map(span => [span.name, span.traceId])).toEqual(traceIds.map(id => ['POST /texts', id]))
    const waits = spans.filter(span => span.name === 'batch.wait')
    expect(waits.map(span => [span.traceId, span.parentSpanId])).toEqual(
      servers.map(span => [span.traceId, span.spanId]),
    )
  })

  it('leaves nothing in a database connection that it made the pool open', async () => {
    await using traced = await startTraced(database.url, 0)
    const url = `${traced.service.url}/test-insert?rows=50&strategy=`
    const strategies = ['prepared', 'single', 'copy', 'batched']
    await sendAll(
      Array.from({ length: 32 }, (_, i) => strategies[i % 4]),
      32,
      async (agent, strategy) => {
        const traceparent = `00-${newTraceId()}-${newSpanId()}-01`
        const { status } = await send(agent, url + strategy, { headers: { traceparent } })
        expect(status).toBe(200)
      },
    )
    await sendAll(
      Array.from({ length: 200 }, (_, i) => strategies[i % 4]),
      16,
      (agent, strategy) => send(agent, `${traced.service.url}/test-insert?strategy=${strategy}`),
    )
    const spans = await traced.finish()
    expect(spans.filter(span => span.kind === 'SERVER')).toHaveLength(32)
    const batches = spans.filter(span => span.name === 'batch simple_text')
    // prepared and single: 50 rows and a transaction; copy: two statements and a transaction; batched: its wait and its run.
    expect(spans.length).toBe(32 + 8 * (52 + 52 + 4 + 2) + 2 * batches.length)
    expect(batches.reduce((sum, span) => sum + span.links.length, 0)).toBe(8)
  })
})

describe('the attributes', () => {
  it('follow the conventions, and hold no query string, row or password', async () => {
    await using traced = await startTraced(database.url, 1)
    const { url } = traced.service
    const secret = `secret-${randomBytes(8).toString('hex')}`
    const agent = new Agent()
    const json = (body: object) => ({
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'a-test/1.0' },
      body: JSON.stringify(body),
    })
    expect((await send(agent, `${url}/texts?${secret}=${secret}`, json({ text: secret }))).status).toBe(201)
    const task = await send(agent, `${url}/tasks/`, json({ title: secret }))
    const { id } = JSON.parse(task.body) as { id: number }
    for (const strategy of ['single', 'prepared', 'copy', 'batched']) {
      await send(agent, `${url}/test-insert?rows=2&strategy=${strategy}`)
    }
    await send(agent, `${url}/tasks/${id}?${secret}`)
    expect((await send(agent, `${url}/texts`, json({ text: `${secret}\0` }))).status).toBe(400)
    expect((await send(agent, `${url}/nowhere/${id}`)).status).toBe(404)

    const spans = await traced.finish()
    const password = new URL(database.url).password
    for (const forbidden of [secret, 'a row of the insert test', 'rows=', 'strategy=']) {
      expect(traced.receiver.text()).not.toContain(forbidden)
    }
    expect(password.length).toBeGreaterThan(0)
    const values = spans.flatMap(span => Object.values(span.attributes).map(String))
    expect(values.filter(value => value === password || value.includes(`:${password}@`))).toEqual([])

    const server = (name: string) => spans.find(span => span.name === name)?.attributes
    expect(server('POST /texts')).toMatchObject({
      'http.request.method': 'POST',
      'http.route': '/texts',
      'http.response.status_code': 201,
      'url.path': '/texts',
      'url.scheme': 'http',
      'user_agent.original': 'a-test/1.0',
      'client.address': '127.0.0.1',
      'network.protocol.version': '1.1',
    })
    expect(server('GET /tasks/:id')).toMatchObject({ 'http.route': '/tasks/:id', 'url.path': `/tasks/${id}` })
    expect(server('GET')).toMatchObject({ 'http.response.status_code': 404, 'url.path': `/nowhere/${id}` })
    expect(server('GET')).not.toHaveProperty(['http.route'])
    const queries = spans.filter(span => span.kind === 'CLIENT')
    expect(queries.length).toBeGreaterThan(10)
    for (const { attributes } of queries) {
      expect(attributes).toMatchObject({
        'db.system.name': 'postgresql',
        'db.namespace': new URL(database.url).pathname.slice(1),
        'server.address': '127.0.0.1',
      })
      expect(attributes['db.query.text']).toEqual(expect.any(String))
    }
    expect(queries.map(span => span.attributes['db.query.text'])).toContain(insertText)
  })
})

function texts(queries: readonly ReceivedSpan[]): unknown[] {
  return queries.map(span => span.attributes['db.query.text'])
}

function repeat<T>(items: readonly T[], times: number): T[] {
  return Array.from({ length: items.length * times }, (_, i) => items[i % items.length] as T)
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map(item => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}

/** Eight standard deviations: a wrong ratio fails, chance does not. */
function expectShare(sampled: number, all: number, ratio: number): void {
  const spread = 8 * Math.sqrt(all * ratio * (1 - ratio))
  expect(Math.abs(sampled - all * ratio)).toBeLessThanOrEqual(spread)
}
