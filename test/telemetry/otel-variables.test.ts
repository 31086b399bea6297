import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { waitUntilReady } from '../../src/lab/stack/service-process.ts'
import { metricNames } from '../../src/telemetry/metric-names.ts'
import { startGrpcReceiver } from '../fixtures/otlp-grpc-receiver.ts'
import { type OtlpReceiver, startOtlpReceiver } from '../fixtures/otlp-receiver.ts'
import { createDatabase } from '../helpers/database.ts'
import { type ServiceUnderTest, spawn } from '../helpers/service.ts'
import { scrape, sumOf } from './openmetrics.ts'
import { send } from './requests.ts'

let database: Awaited<ReturnType<typeof createDatabase>>
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

/** Every request is sampled unless `env` says otherwise. Waits for readiness, not for silence. */
async function startWith(env: Record<string, string>): Promise<ServiceUnderTest> {
  const service = await spawn(database.url, { OTEL_TRACES_SAMPLER_ARG: '1', ...env })
  const state = await waitUntilReady(`${service.url}/readyz`, service.service, AbortSignal.timeout(60_000))
  expect(state, service.errors()).toBe('ready')
  return service
}

async function ping(service: ServiceUnderTest, headers: Record<string, string> = {}) {
  const answer = await send(new Agent(), `${service.url}/ping/`, { headers })
  expect(answer.status).toBe(200)
  return answer.headers['traceparent']
}

/** The names of the spans that arrive of one ping, after the service has ended. */
async function exportedOf(receiver: OtlpReceiver, env: Record<string, string>) {
  const service = await startWith({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...env })
  const traceparent = await ping(service)
  await service.service.end()
  const names = receiver.spans().map(span => span.name)
  return { service, traceparent, names }
}

describe('OTEL_EXPORTER_OTLP_PROTOCOL', () => {
  it.each(['http/protobuf', '', 'carrier-pigeon'])('"%s" exports protobuf over HTTP', async protocol => {
    await using receiver = await startOtlpReceiver()
    const { names, service } = await exportedOf(receiver, { OTEL_EXPORTER_OTLP_PROTOCOL: protocol })
    expect(names).toContain('GET /ping/')
    if (protocol === 'carrier-pigeon') expect(service.errors()).toContain('carrier-pigeon')
    else expect(service.errors()).toBe('')
  })

  it('grpc', async () => {
    await using receiver = await startGrpcReceiver()
    const { names } = await exportedOf(receiver, { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })
    expect(names).toContain('GET /ping/')
  })

  it('http/json', async () => {
    const bodies: string[] = []
    const server = createServer(async (request, response) => {
      bodies.push(`${request.headers['content-type']} ${await text(request)}`)
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const service = await startWith({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    })
    await ping(service)
    await service.service.end()
    server.close()
    expect(bodies.every(body => body.startsWith('application/json {"resourceSpans":'))).toBe(true)
    expect(bodies.join()).toContain('"name":"GET /ping/"')
  })
})

describe('OTEL_TRACES_EXPORTER', () => {
  it('console prints spans, and needs no endpoint', async () => {
    const service = await startWith({ OTEL_TRACES_EXPORTER: 'console' })
    await ping(service)
    await service.service.end()
    expect(service.log()).toContain("name: 'GET /ping/'")
  })

  it.each([{ OTEL_TRACES_EXPORTER: 'none' }, { OTEL_SDK_DISABLED: 'true' }, { OTEL_SDK_DISABLED: 'TRUE' }])(
    'or another variable says that there are none: %o',
    async env => {
      await using receiver = await startOtlpReceiver()
      const { names, traceparent, service } = await exportedOf(receiver, env as Record<string, string>)
      expect(names).toEqual([])
      expect(traceparent).toBeUndefined()
      expect(service.errors()).toBe('')
    },
  )

  it.each([
    { OTEL_TRACES_EXPORTER: '' },
    { OTEL_TRACES_EXPORTER: 'otlp' },
    { OTEL_SDK_DISABLED: '' },
    { OTEL_SDK_DISABLED: 'no' },
  ])('or another variable leaves it at otlp: %o', async env => {
    await using receiver = await startOtlpReceiver()
    const { names, traceparent } = await exportedOf(receiver, env as Record<string, string>)
    expect(names).toContain('GET /ping/')
    expect(traceparent).toMatch(/-01$/)
  })

  it('that is unknown is reported, and the service runs', async () => {
    await using receiver = await startOtlpReceiver()
    const { names, service } = await exportedOf(receiver, { OTEL_TRACES_EXPORTER: 'papyrus' })
    expect(names).toEqual([])
    expect(service.errors()).toContain('papyrus')
  })
})

describe('OTEL_PROPAGATORS', () => {
  const newParent = () => ({
    traceId: randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
  })
  const ofPing = (receiver: OtlpReceiver) => receiver.spans().filter(span => span.name === 'GET /ping/')

  it('b3 continues the traces of its headers, and no others', async () => {
    await using receiver = await startOtlpReceiver()
    const service = await startWith({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_PROPAGATORS: 'b3',
      OTEL_TRACES_SAMPLER: 'parentbased_always_off',
    })
    const [single, multi, w3c] = [newParent(), newParent(), newParent()]
    await ping(service, { b3: `${single.traceId}-${single.spanId}-1` })
    await ping(service, { 'x-b3-traceid': multi.traceId, 'x-b3-spanid': multi.spanId, 'x-b3-sampled': '1' })
    await ping(service, { traceparent: `00-${w3c.traceId}-${w3c.spanId}-01` })
    await service.service.end()
    expect(ofPing(receiver).map(span => [span.traceId, span.parentSpanId])).toEqual([
      [single.traceId, single.spanId],
      [multi.traceId, multi.spanId],
    ])
  })

  it('none continues none', async () => {
    await using receiver = await startOtlpReceiver()
    const service = await startWith({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_PROPAGATORS: 'none' })
    const parent = newParent()
    await ping(service, { traceparent: `00-${parent.traceId}-${parent.spanId}-00` })
    await service.service.end()
    expect(ofPing(receiver).map(span => span.parentSpanId)).toEqual([''])
    expect(ofPing(receiver)[0]?.traceId).not.toBe(parent.traceId)
  })
})

describe('the resource', () => {
  it.each([
    [{}, 'insertlab'],
    [{ OTEL_SERVICE_NAME: '' }, 'insertlab'],
    [{ OTEL_RESOURCE_ATTRIBUTES: 'service.name=mine,team=blue' }, 'mine'],
    [{ OTEL_SERVICE_NAME: 'ours', OTEL_RESOURCE_ATTRIBUTES: 'service.name=mine' }, 'ours'],
  ])('has the name that the variables give: %o', async (env, name) => {
    await using receiver = await startOtlpReceiver()
    await exportedOf(receiver, env as Record<string, string>)
    expect(receiver.text()).toMatch(new RegExp(`"key":"service.name","value":\\{"stringValue":"${name}"`))
    if ('OTEL_RESOURCE_ATTRIBUTES' in env && name === 'mine') expect(receiver.text()).toContain('"team"')
  })
})

describe('OTEL_BSP_*', () => {
  const count = 200

  async function flood(service: ServiceUnderTest) {
    const agent = new Agent({ keepAlive: true })
    for (let i = 0; i < count; i++) await send(agent, `${service.url}/ping/`)
    agent.destroy()
    return sumOf(await scrape(`http://127.0.0.1:${service.adminPort}`), metricNames.spansDropped)
  }

  it('MAX_QUEUE_SIZE bounds the queue, and each span that does not fit is counted', async () => {
    const held = createServer(() => {})
    await once(held.listen(0, '127.0.0.1'), 'listening')
    const service = await startWith({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(held.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '60000',
      OTEL_BSP_EXPORT_TIMEOUT: '60000',
      OTEL_BSP_MAX_QUEUE_SIZE: '10',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10',
    })
    // The first export takes ten for good, and ten wait.
    const first = await flood(service)
    expect(first).toBeGreaterThanOrEqual(count - 20)
    expect((await flood(service)) - first).toBe(count)
    await service.service.end()
    held.close()
  })

  it('SCHEDULE_DELAY and wrong values: what is exported and what is dropped are all that ended', async () => {
    await using receiver = await startOtlpReceiver()
    const service = await startWith({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_BSP_MAX_QUEUE_SIZE: '1',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '-5',
      OTEL_BSP_SCHEDULE_DELAY: 'soon',
    })
    const dropped = await flood(service)
    await service.service.end()
    const pings = receiver.spans().filter(span => span.name === 'GET /ping/').length
    expect(dropped).toBeGreaterThan(0)
    expect(pings + dropped).toBeGreaterThanOrEqual(count)
    expect(service.errors()).toContain('OTEL_BSP_MAX_EXPORT_BATCH_SIZE')
    expect(service.errors()).toContain('OTEL_BSP_SCHEDULE_DELAY')
  })
})
