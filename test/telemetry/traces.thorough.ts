import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startService } from '../../src/lab/stack/service-process.ts'
import { metricNames } from '../../src/telemetry/metric-names.ts'
import { createDatabase } from '../helpers/database.ts'
import { scrape, sumOf } from './openmetrics.ts'
import { send, sendAll } from './requests.ts'
import { startTraced } from './traced-service.ts'

let database: Awaited<ReturnType<typeof createDatabase>>
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

it('keeps the link of every request of a large batch', async () => {
  await using traced = await startTraced(database.url, 1)
  const paths = Array.from({ length: 400 }, () => '/test-insert')
  // The first batches wait for the table, so that all other rows go into the next one.
  const lock = new Client({ connectionString: database.url })
  await lock.connect()
  await lock.query('BEGIN; LOCK TABLE simple_text IN ACCESS EXCLUSIVE MODE')
  const answered = sendAll(paths, paths.length, (agent, path) => send(agent, traced.service.url + path))
  await expect
    .poll(async () => sumOf(await scrape(traced.service.adminUrl), metricNames.insertQueueDepth))
    .toBeGreaterThan(paths.length / 2)
  await lock.query('COMMIT')
  await lock.end()
  await answered
  const batches = (await traced.finish()).filter(span => span.name === 'batch simple_text')
  expect(Math.max(...batches.map(span => span.links.length))).toBeGreaterThan(128)
  expect(batches.reduce((sum, span) => sum + span.links.length, 0)).toBe(paths.length)
  expect(batches.every(span => span.droppedLinks === 0)).toBe(true)
})

describe('a collector that', () => {
  it('takes connections and never answers costs spans, counted, and nothing else', async () => {
    const held = createServer(socket => socket.on('error', () => {}))
    await once(held.listen(0, '127.0.0.1'), 'listening')
    await expectUnaffected(`http://127.0.0.1:${(held.address() as AddressInfo).port}`)
    held.close()
  })

  it('is not there costs spans, counted, and nothing else', async () => {
    const gone = createServer().listen(0, '127.0.0.1')
    await once(gone, 'listening')
    const { port } = gone.address() as AddressInfo
    await once(gone.close(), 'close')
    await expectUnaffected(`http://127.0.0.1:${port}`)
  })
})

const queueLimit = 2048
const spansPerRequest = 2
/** The runtime metrics are read every 5 s. */
const metricsDelayMs = 6_000

async function expectUnaffected(collectorUrl: string): Promise<void> {
  const service = await startService({
    databaseUrl: database.url,
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collectorUrl,
      OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
      OTEL_TRACES_SAMPLER_ARG: '1',
      OTEL_BSP_MAX_QUEUE_SIZE: String(queueLimit),
    },
  })
  try {
    const load = async (requests: number) => {
      const answers = await sendAll(
        Array.from({ length: requests }, () => '/test-insert?strategy=prepared'),
        32,
        (agent, path) => send(agent, service.url + path),
      )
      expect(answers.every(({ status }) => status === 200)).toBe(true)
    }
    const reading = async () => {
      const sinceMs = Date.now() + metricsDelayMs
      await expect.poll(() => Date.now(), { timeout: 2 * metricsDelayMs }).toBeGreaterThan(sinceMs)
      const page = await scrape(service.adminUrl)
      return {
        dropped: sumOf(page, metricNames.spansDropped),
        residentBytes: sumOf(page, metricNames.residentMemory),
      }
    }
    const requests = 25_000
    await load(requests)
    const first = await reading()
    await load(requests)
    const second = await reading()
    // What is not dropped is in the queue or in the one export that is under way.
    const dueAtLeast = (rounds: number) => rounds * requests * spansPerRequest - 2 * queueLimit
    expect(first.dropped).toBeGreaterThan(dueAtLeast(1))
    expect(second.dropped).toBeGreaterThan(dueAtLeast(2))
    expect(second.dropped).toBeLessThanOrEqual(2 * requests * spansPerRequest + 10)
    // 50,000 more spans that were kept would take some 125 MB; a heap on its way to its usual size up to 70.
    expect(second.residentBytes - first.residentBytes).toBeLessThan(100e6)
  } finally {
    const startedMs = performance.now()
    await service.stop()
    // A dead collector must not hold up the end.
    expect(performance.now() - startedMs).toBeLessThan(12_000)
  }
}
