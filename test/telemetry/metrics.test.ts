import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { startService } from '../../src/lab/stack/service-process.ts'
import { totals as ledgerTotals } from '../../src/ledger/index.ts'
import { metricNames } from '../../src/telemetry/metric-names.ts'
import { burnCpuUs } from '../fixtures/burn.ts'
import { startApp } from '../helpers/app.ts'
import { createDatabase } from '../helpers/database.ts'
import { metric } from '../helpers/gate.ts'
import { type Family, parseOpenMetrics, samplesOf, scrape, sumOf } from './openmetrics.ts'
import { send, sendAll } from './requests.ts'
import { startTraced, type TracedService, traceOf } from './traced-service.ts'

/** The labels of each metric, `le` of histograms left out. */
const labelsOf: Readonly<Record<keyof typeof metricNames, readonly string[]>> = {
  requestDuration: [
    'error_type',
    'http_request_method',
    'http_response_status_code',
    'http_route',
    'url_scheme',
  ],
  requestCpu: ['http_request_method', 'http_route', 'insert_strategy'],
  activeRequests: ['http_request_method', 'url_scheme'],
  requestsRejected: ['reason'],
  processCpu: [],
  attributedCpu: [],
  unattributedCpu: ['bucket'],
  unscaledCpu: [],
  insertRows: ['insert_strategy'],
  insertBatchRows: ['db_collection_name'],
  insertQueueDepth: [],
  queryDuration: ['db_operation_name', 'db_system_name', 'error_type'],
  connectionCount: ['db_client_connection_pool_name', 'db_client_connection_state'],
  connectionMax: ['db_client_connection_pool_name'],
  connectionPending: ['db_client_connection_pool_name'],
  connectionWait: ['db_client_connection_pool_name'],
  connectionUse: ['db_client_connection_pool_name'],
  connectionTimeouts: ['db_client_connection_pool_name'],
  eventLoopUtilization: [],
  eventLoopTime: ['nodejs_eventloop_state'],
  eventLoopDelay: ['quantile'],
  gcDuration: ['v8js_gc_type'],
  heapUsed: ['v8js_heap_space_name'],
  heapLimit: [],
  residentMemory: [],
  throttledTime: [],
  throttledPeriods: [],
  spansDropped: [],
}
/** Only where there is a cgroup with a CPU controller. */
const ofCgroups: readonly string[] = [metricNames.throttledTime, metricNames.throttledPeriods]

let database: Awaited<ReturnType<typeof createDatabase>>
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

/** Makes inserts wait until what this resolves to is called. */
async function lockTexts(): Promise<() => Promise<void>> {
  const client = new Client({ connectionString: database.url })
  await client.connect()
  await client.query('BEGIN; LOCK TABLE simple_text IN ACCESS EXCLUSIVE MODE')
  return async () => {
    await client.query('COMMIT')
    await client.end()
  }
}

describe('under load', () => {
  const poolSize = 4
  const queueLimit = 40
  const agent = new Agent({ keepAlive: true })
  let traced: TracedService
  let url: string
  let adminUrl: string
  beforeAll(async () => {
    traced = await startTraced(database.url, 1, {
      POOL_SIZE: String(poolSize),
      QUEUE_LIMIT: String(queueLimit),
    })
    ;({ url, adminUrl } = traced.service)
  })
  afterAll(async () => {
    agent.destroy()
    await traced[Symbol.asyncDispose]()
  })

  /** What a scrape shows more than an earlier one did. */
  const since = async (before: Map<string, Family>) => {
    const after = await scrape(adminUrl)
    return (name: string, labels = {}) => sumOf(after, name, labels) - sumOf(before, name, labels)
  }

  it('every name is exported, with its labels, as OpenMetrics', async () => {
    const paths = ['/ping/', '/tasks/', '/test-insert?strategy=prepared', '/test-insert?strategy=batched']
    await sendAll(
      Array.from({ length: 400 }, (_, i) => paths[i % paths.length]),
      16,
      (each, path) => send(each, url + path),
    )
    const refused = await send(agent, `${url}/test-insert?strategy=batched&rows=${queueLimit + 1}`)
    expect(refused.status).toBe(503)

    const response = await fetch(`${adminUrl}/metrics`)
    expect(response.headers.get('content-type')).toMatch(/^application\/openmetrics-text; version=1\.0\.0/)
    const page = await scrape(adminUrl)
    const hasCgroup = existsSync('/sys/fs/cgroup/cpu.stat')
    for (const [key, labels] of Object.entries(labelsOf)) {
      const name = metricNames[key as keyof typeof metricNames]
      if (ofCgroups.includes(name) && !hasCgroup) continue
      const samples = [name, `${name}_bucket`, `${name}_sum`, `${name}_count`].flatMap(each =>
        samplesOf(page, each),
      )
      expect(samples.length, name).toBeGreaterThan(0)
      for (const sample of samples) {
        const names = Object.keys(sample.labels).filter(label => label !== 'le')
        expect(names.sort(), name).toEqual(labels)
      }
    }
    const known = new Set(Object.values(metricNames).map(name => name.replace(/_total$/, '')))
    expect([...page.keys()].filter(name => !known.has(name))).toEqual([])
    expect(sumOf(page, metricNames.requestsRejected, { reason: 'batch_queue' })).toBe(1)
    expect(samplesOf(page, metricNames.unattributedCpu).map(({ labels }) => labels['bucket'])).toEqual([
      'http',
      'sockets',
      'after_response',
      'telemetry',
      'helper_threads',
      'startup',
      'rest',
    ])
  })

  it('sampled requests leave exemplars that lead to their traces', async () => {
    const traces = await sendAll(
      Array.from({ length: 50 }, () => '/test-insert?strategy=prepared'),
      8,
      async (each, path) => traceOf((await send(each, url + path)).headers['traceparent'])?.traceId,
    )
    // Their CPU figures are final at the end of the tick, which a scrape brings about.
    await scrape(adminUrl)
    const page = await scrape(adminUrl)
    await expect
      .poll(() => traced.receiver.spans().map(span => span.traceId))
      .toEqual(expect.arrayContaining(traces))
    for (const metric of [metricNames.requestDuration, metricNames.requestCpu]) {
      const buckets = samplesOf(page, `${metric}_bucket`, { http_route: '/test-insert' })
      const exemplars = buckets.flatMap(({ exemplar }) => exemplar ?? [])
      expect(exemplars.length).toBeGreaterThan(0)
      const received = new Set(traced.receiver.spans().map(span => span.traceId))
      for (const { labels, timestampS } of exemplars) {
        expect(Object.keys(labels)).toEqual(['trace_id'])
        expect(received).toContain(labels['trace_id'])
        expect(Math.abs((timestampS ?? 0) - Date.now() / 1000)).toBeLessThan(120)
      }
      expect(exemplars.some(({ labels }) => traces.includes(labels['trace_id']))).toBe(true)
    }
  })

  it('every request is counted once, with its time, its CPU and each connection it took', async () => {
    const before = await scrape(adminUrl)
    const requests = 300
    await sendAll(
      Array.from({ length: requests }, () => '/test-insert?rows=3&strategy=prepared'),
      32,
      (each, path) => send(each, url + path),
    )
    const grown = await since(before)
    const labels = { http_route: '/test-insert' }
    expect(grown(`${metricNames.requestDuration}_count`, labels)).toBe(requests)
    expect(grown(`${metricNames.requestCpu}_count`, { ...labels, insert_strategy: 'prepared' })).toBe(
      requests,
    )
    expect(grown(`${metricNames.connectionWait}_count`)).toBe(requests)
    expect(grown(`${metricNames.connectionUse}_count`)).toBe(requests)
    expect(grown(`${metricNames.queryDuration}_count`, { db_operation_name: 'INSERT' })).toBe(3 * requests)
    expect(grown(`${metricNames.queryDuration}_count`, { db_operation_name: 'COMMIT' })).toBe(requests)
    expect(grown(metricNames.insertRows, { insert_strategy: 'prepared' })).toBe(3 * requests)
    // 32 clients share 4 connections: whatever the machine does, most of the time is waiting.
    expect(grown(`${metricNames.connectionWait}_sum`)).toBeGreaterThan(
      grown(`${metricNames.connectionUse}_sum`),
    )
    const page = await scrape(adminUrl)
    expect(sumOf(page, metricNames.connectionMax)).toBe(poolSize)
    expect(sumOf(page, metricNames.connectionCount, { db_client_connection_state: 'used' })).toBe(0)
    expect(sumOf(page, metricNames.connectionCount, { db_client_connection_state: 'idle' })).toBe(poolSize)
    expect(sumOf(page, metricNames.activeRequests)).toBe(0)
  })

  it('batches are counted with their rows', async () => {
    const before = await scrape(adminUrl)
    await sendAll(
      Array.from({ length: 200 }, () => '/test-insert?rows=2&strategy=batched'),
      16,
      (each, path) => send(each, url + path),
    )
    const grown = await since(before)
    expect(grown(`${metricNames.insertBatchRows}_sum`, { db_collection_name: 'simple_text' })).toBe(400)
    const batches = grown(`${metricNames.insertBatchRows}_count`)
    expect(batches).toBeLessThan(200)
    expect(grown(`${metricNames.queryDuration}_count`, { db_operation_name: 'INSERT' })).toBe(batches)
  })

  it('the route label is the pattern, and empty where none matched', async () => {
    const before = await scrape(adminUrl)
    await send(agent, `${url}/tasks/4711?a=b`)
    await send(agent, `${url}/tasks/4712`)
    await send(agent, `${url}/ping`)
    await send(agent, `${url}/no/such/route`)
    const grown = await since(before)
    const counted = (labels: object) => grown(`${metricNames.requestDuration}_count`, labels)
    expect(counted({ http_route: '/tasks/:id', http_response_status_code: '404', error_type: '' })).toBe(2)
    expect(counted({ http_route: '/ping/' })).toBe(1)
    expect(counted({ http_route: '', http_response_status_code: '404' })).toBe(1)
    expect(grown(`${metricNames.requestCpu}_count`, { http_route: '' })).toBe(1)
    expect(counted({})).toBe(4)
  })

  it('the method label is one of those that the conventions know', async () => {
    const before = await scrape(adminUrl)
    await send(agent, `${url}/ping/`, { method: 'PURGE' })
    await send(agent, `${url}/ping/`, { method: 'MKCOL' })
    const grown = await since(before)
    const counted = (method: string) =>
      grown(`${metricNames.requestDuration}_count`, { http_request_method: method })
    expect(['_OTHER', 'PURGE', 'MKCOL'].map(counted)).toEqual([2, 0, 0])
    expect(grown(`${metricNames.requestCpu}_count`, { http_request_method: '_OTHER' })).toBe(2)
  })

  it('exporting is charged to telemetry, and to no request', async () => {
    /** Sends so many, and waits until the span of each has been exported. */
    const ping = async (requests: number, sampled: '00' | '01') => {
      const traceId = randomBytes(16).toString('hex')
      const headers = { traceparent: `00-${traceId}-${'2'.repeat(16)}-${sampled}` }
      await sendAll(
        Array.from({ length: requests }, () => '/ping/'),
        8,
        (each, path) => send(each, url + path, { headers }),
      )
      await expect
        .poll(() => traced.receiver.spans().filter(span => span.traceId === traceId).length, {
          interval: 500,
        })
        .toBe(sampled === '01' ? requests : 0)
    }
    const cpuOf = async (sampled: '00' | '01') => {
      const before = await scrape(adminUrl)
      await ping(2_000, sampled)
      const grown = await since(before)
      return grown(metricNames.unattributedCpu, { bucket: 'telemetry' })
    }
    // Spans are exported in their order: after this one, none of an earlier test is left.
    await ping(1, '01')
    const [without, withSpans] = [await cpuOf('00'), await cpuOf('01')]
    // To encode and send a span takes some 10 us.
    expect(withSpans - without).toBeGreaterThan(2_000 * 3e-6)
  })

  it('an error of ours carries its status as error_type', async () => {
    const before = await scrape(adminUrl)
    await send(agent, `${url}/test-insert?strategy=batched&rows=${queueLimit + 1}`)
    await send(agent, `${url}/test-insert?rows=nonsense`)
    const grown = await since(before)
    const counted = (labels: object) => grown(`${metricNames.requestDuration}_count`, labels)
    expect(counted({ http_response_status_code: '503', error_type: '503' })).toBe(1)
    expect(counted({ http_response_status_code: '400', error_type: '' })).toBe(1)
  })

  it.each(['prepared', 'batched', 'single'])(
    'a client that leaves before its %s insert is answered is counted once, as such',
    async strategy => {
      const before = await scrape(adminUrl)
      const unlock = await lockTexts()
      const leaving = Array.from({ length: 3 }, () => {
        const sent = request(`${url}/test-insert?strategy=${strategy}`)
        sent.on('error', () => {})
        sent.end()
        return sent
      })
      const active = async () => sumOf(await scrape(adminUrl), metricNames.activeRequests)
      await expect.poll(active).toBe(leaving.length)
      for (const sent of leaving) sent.destroy()
      await expect.poll(active).toBe(0)
      await unlock()
      // Once this one is answered, the lane and the connections are done with those before it.
      expect((await send(agent, `${url}/test-insert?strategy=${strategy}`)).status).toBe(200)

      const grown = await since(before)
      const labels = { http_route: '/test-insert' }
      expect(
        grown(`${metricNames.requestDuration}_count`, {
          ...labels,
          http_response_status_code: '',
          error_type: 'client_disconnected',
        }),
      ).toBe(leaving.length)
      expect(grown(`${metricNames.requestDuration}_count`, labels)).toBe(leaving.length + 1)
      expect(grown(`${metricNames.requestCpu}_count`, labels)).toBe(leaving.length + 1)
    },
  )

  it('a client that leaves with several requests under way on its connection is counted for each', async () => {
    const before = await scrape(adminUrl)
    const unlock = await lockTexts()
    const { hostname, port, host } = new URL(url)
    const client = connect(Number(port), hostname)
    client.write(`GET /test-insert?strategy=prepared HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(3))
    const active = async () => sumOf(await scrape(adminUrl), metricNames.activeRequests)
    await expect.poll(active).toBe(3)
    client.destroy()
    await expect.poll(active).toBe(0)
    await unlock()

    const grown = await since(before)
    const labels = { http_route: '/test-insert', error_type: 'client_disconnected' }
    expect(grown(`${metricNames.requestDuration}_count`, labels)).toBe(3)
  })

  it('the CPU of all requests is the CPU that was charged to requests', async () => {
    // The first ends the tick in which the last request closed; in the second its figure is there.
    await scrape(adminUrl)
    const page = await scrape(adminUrl)
    const attributedS = sumOf(page, metricNames.attributedCpu)
    expect(attributedS).toBeGreaterThan(0.01)
    expect(sumOf(page, `${metricNames.requestCpu}_sum`)).toBeCloseTo(attributedS, 9)
    const processS = sumOf(page, metricNames.processCpu)
    expect(attributedS + sumOf(page, metricNames.unattributedCpu)).toBeCloseTo(processS, 9)
  })
})

describe('a request whose body comes late', () => {
  it('is not charged what ran while it waited', async () => {
    const app = await startApp()
    const { hostname, port } = new URL(app.url)
    const body = '{"text":"late"}'
    const socket = connect(Number(port), hostname)
    onTestFinished(() => void socket.destroy())
    socket.write(
      `POST /texts HTTP/1.1\r\nhost: ${hostname}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
    )
    await expect.poll(() => metric(app, metricNames.activeRequests), { interval: 5 }).toBe(1)
    burnCpuUs(200_000)
    // As another's boundary would, it ends the gap in which that ran.
    ledgerTotals()
    socket.write(body)
    await once(socket.resume(), 'close')

    const page = parseOpenMetrics(await app.telemetry.registry.metrics())
    const labels = { http_route: '/texts' }
    expect(sumOf(page, `${metricNames.requestCpu}_count`, labels)).toBe(1)
    expect(sumOf(page, `${metricNames.requestCpu}_sum`, labels)).toBeLessThan(0.1)
  })
})

describe('the admin port', () => {
  let service: Awaited<ReturnType<typeof startService>>
  const agent = new Agent()
  beforeAll(async () => {
    service = await startService({ databaseUrl: database.url, env: { WORKERS: '2' } })
  })
  afterAll(() => service.stop())

  it('answers /targets under the name by which it was asked', async () => {
    const { port } = new URL(service.adminUrl)
    const targets = async (host: string) => {
      const { status, body } = await send(agent, `${service.adminUrl}/targets`, { headers: { host } })
      expect(status).toBe(200)
      return JSON.parse(body) as { targets: string[]; labels: Record<string, string> }[]
    }
    const [first, second] = [Number(port) + 1, Number(port) + 2]
    expect(await targets(`service.example:${port}`)).toEqual([
      { targets: [`service.example:${first}`], labels: { worker: '1' } },
      { targets: [`service.example:${second}`], labels: { worker: '2' } },
    ])
    expect((await targets('service.example')).flatMap(group => group.targets)).toEqual([
      `service.example:${first}`,
      `service.example:${second}`,
    ])
    expect((await targets(`[::1]:${port}`))[0]?.targets).toEqual([`[::1]:${first}`])
  })

  it('has no metrics of a supervisor, and none of a path that is not there', async () => {
    for (const path of ['/metrics', '//', '//metrics', '/metrics/', '/?', '*']) {
      const { status } = await send(agent, service.adminUrl, { path })
      expect(status, path).toBe(404)
    }
  })

  it('of every worker can be scraped by itself', async () => {
    const groups = (await (await fetch(`${service.adminUrl}/targets`)).json()) as { targets: string[] }[]
    const scrapeAll = () => Promise.all(groups.map(({ targets }) => scrape(`http://${targets[0]}`)))
    // The service is ready when its first worker is; the other may still be starting.
    const pages = await vi.waitFor(scrapeAll, { timeout: 60_000, interval: 100 })
    const cpu = pages.map(page => sumOf(page, metricNames.processCpu))
    expect(new Set(cpu).size).toBe(2)
  })
})

describe('/metrics', () => {
  const openMetrics = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
  const textFormat = 'text/plain; version=0.0.4; charset=utf-8'
  const ofPrometheus =
    'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1'
  const agent = new Agent()
  let traced: TracedService
  beforeAll(async () => {
    traced = await startTraced(database.url, 1)
    for (let i = 0; i < 5; i++) await send(agent, `${traced.service.url}/ping/`)
  })
  afterAll(() => traced[Symbol.asyncDispose]())
  const ask = (headers: Record<string, string>, method = 'GET') =>
    send(agent, `${traced.service.adminUrl}/metrics`, { headers, method })

  it.each([
    ['nothing', undefined, openMetrics],
    ['anything', '*/*', openMetrics],
    ['what Prometheus asks for', ofPrometheus, openMetrics],
    ['OpenMetrics', 'application/openmetrics-text', openMetrics],
    ['the text format', 'text/plain', textFormat],
    ['the text format by its version', 'text/plain;version=0.0.4', textFormat],
    ['both, text first', 'application/openmetrics-text;q=0.1, text/plain;q=0.9', textFormat],
    ['anything but OpenMetrics', 'application/openmetrics-text;q=0, */*', textFormat],
    ['what it does not have', 'application/json', textFormat],
    ['nonsense', ';;q=,/', textFormat],
  ])('accepting %s', async (_, accept, contentType) => {
    const { status, headers, body } = await ask(accept === undefined ? {} : { accept })
    expect(status).toBe(200)
    expect(headers['content-type']).toBe(contentType)
    const isOpenMetrics = contentType === openMetrics
    expect(body.endsWith('# EOF\n')).toBe(isOpenMetrics)
    expect(body.includes('# {trace_id="')).toBe(isOpenMetrics)
    expect(body).toContain(`# TYPE process_cpu_seconds${isOpenMetrics ? '' : '_total'} counter\n`)
  })

  it('in the text format has the same series, of the same types', async () => {
    const before = parseOpenMetrics((await ask({ accept: openMetrics })).body)
    const { body } = await ask({ accept: 'text/plain' })
    const types = [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type])
    const expected = [...before.values()].map(({ name, type }) => [
      type === 'counter' ? `${name}_total` : name,
      type,
    ])
    expect(types).toEqual(expected)
    const names = (page: string) => [...page.matchAll(/^([a-z]\w*)/gm)].map(([, name]) => name)
    expect(new Set(names(body))).toEqual(
      new Set([...before.values()].flatMap(({ samples }) => samples.map(({ name }) => name))),
    )
  })

  it('is compressed where that is asked for', async () => {
    const plain = await ask({ 'accept-encoding': 'identity' })
    expect(plain.headers).not.toHaveProperty('content-encoding')
    const zipped = await fetch(`${traced.service.adminUrl}/metrics`, {
      headers: { 'accept-encoding': 'gzip' },
    })
    expect(zipped.headers.get('content-encoding')).toBe('gzip')
    expect(Number(zipped.headers.get('content-length'))).toBeLessThan(plain.body.length / 4)
    parseOpenMetrics(await zipped.text())
    const refused = await ask({ 'accept-encoding': 'gzip;q=0' })
    expect(refused.headers).not.toHaveProperty('content-encoding')
  })

  it('answers HEAD with the headers of GET', async () => {
    const { status, headers, body } = await ask({}, 'HEAD')
    expect({ status, body }).toEqual({ status: 200, body: '' })
    expect(headers['content-type']).toBe(openMetrics)
    expect(Number(headers['content-length'])).toBeGreaterThan(1_000)
    const refused = await ask({}, 'POST')
    expect(refused.status).toBe(405)
    expect(refused.headers['allow']).toBe('GET, HEAD')
  })
})

describe('a CPU profile', () => {
  let service: Awaited<ReturnType<typeof startService>>
  beforeAll(async () => {
    service = await startService({ databaseUrl: database.url })
  })
  afterAll(() => service.stop())
  const ask = (query: string, init?: RequestInit) =>
    fetch(`${service.adminUrl}/debug/cpu-profile${query}`, init)

  it('is one that the tools load', async () => {
    const answer = ask('?seconds=0.5')
    for (let i = 0; i < 50; i++) await (await fetch(`${service.url}/test-insert`)).text()
    const response = await answer
    expect(response.status).toBe(200)
    const profile = (await response.json()) as {
      nodes: { id: number; callFrame: { functionName: string; url: string }; children?: number[] }[]
      startTime: number
      endTime: number
      samples: number[]
      timeDeltas: number[]
    }
    const ids = new Set(profile.nodes.map(({ id }) => id))
    expect(profile.endTime - profile.startTime).toBeGreaterThan(450_000)
    expect(profile.samples.length).toBe(profile.timeDeltas.length)
    expect(profile.samples.length).toBeGreaterThan(100)
    expect(profile.samples.every(id => ids.has(id))).toBe(true)
    expect(profile.nodes.flatMap(({ children = [] }) => children).every(id => ids.has(id))).toBe(true)
    expect(profile.nodes.some(({ callFrame }) => callFrame.url.includes('/src/service/'))).toBe(true)
  })

  it('is taken one at a time', async () => {
    const first = ask('?seconds=1')
    await expect.poll(async () => (await ask('?seconds=0.01')).status).toBe(409)
    expect((await first).status).toBe(200)
    expect((await ask('?seconds=0.01')).status).toBe(200)
  })

  it.each(['0', '-1', '61', 'Infinity', 'NaN', 'five', ''])('of "%s" seconds is refused', async seconds => {
    expect((await ask(`?seconds=${seconds}`)).status).toBe(400)
  })

  it('is not taken by other methods, and nothing else is there', async () => {
    expect((await ask('?seconds=0.01', { method: 'POST' })).status).toBe(405)
    expect((await fetch(`${service.adminUrl}/debug`)).status).toBe(404)
    expect((await fetch(`${service.url}/metrics`)).status).toBe(404)
    expect((await fetch(`${service.url}/debug/cpu-profile?seconds=0.01`)).status).toBe(404)
  })
})

describe('a lower level', () => {
  /** Some requests, then what an answer and the metrics page hold. */
  const observe = async (level: string) => {
    await using traced = await startTraced(database.url, 1, { TELEMETRY: level })
    const agent = new Agent({ keepAlive: true })
    const { headers, body } = await send(agent, `${traced.service.url}/test-insert?strategy=prepared`)
    await send(agent, `${traced.service.url}/test-insert?strategy=batched`)
    agent.destroy()
    const page = await scrape(traced.service.adminUrl)
    return {
      traceparent: headers['traceparent'],
      cpuDuration: (JSON.parse(body) as { cpu_duration: unknown }).cpu_duration,
      families: [...page.keys()].sort(),
      attributedS: sumOf(page, metricNames.attributedCpu),
      requests: sumOf(page, `${metricNames.requestDuration}_count`),
      spans: (await traced.finish()).length,
    }
  }
  const totals = [
    metricNames.processCpu,
    metricNames.attributedCpu,
    metricNames.unattributedCpu,
    metricNames.unscaledCpu,
  ]
    .map(name => name.replace(/_total$/, ''))
    .sort()

  it('off: no figure for a request, no metric of requests, no span', async () => {
    const off = await observe('off')
    expect(off).toEqual({
      traceparent: undefined,
      cpuDuration: null,
      families: totals,
      attributedS: 0,
      requests: 0,
      spans: 0,
    })
  })

  it('ledger: a request’s CPU and the totals, no metric of requests, no span', async () => {
    const { cpuDuration, attributedS, ...rest } = await observe('ledger')
    expect(cpuDuration).toBeGreaterThan(0)
    expect(attributedS).toBeGreaterThan(Number(cpuDuration))
    expect(rest).toEqual({ traceparent: undefined, families: totals, requests: 0, spans: 0 })
  })

  it('metrics: all but spans', async () => {
    const { cpuDuration, attributedS, requests, families, ...rest } = await observe('metrics')
    expect(cpuDuration).toBeGreaterThan(0)
    expect(attributedS).toBeGreaterThan(0)
    expect(requests).toBeGreaterThanOrEqual(2)
    expect(families).toContain(metricNames.requestCpu)
    expect(rest).toEqual({ traceparent: undefined, spans: 0 })
  })
})
