import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { findFreePort } from '../../src/lab/stack/free-port.ts'
import { RawClient } from '../helpers/http.ts'
import { DatabaseServer } from './database-server.ts'
import { type Fault, testFault } from './fault.ts'

/** Takes traces, until it does something else. */
class Collector {
  readonly url: string
  received = 0
  readonly #port: number
  #server = createServer()
  #answer = well

  constructor(port: number) {
    this.#port = port
    this.url = `http://127.0.0.1:${port}`
  }

  async start(): Promise<void> {
    this.#answer = well
    this.#server = createServer((request, response) => {
      request.resume().on('end', () => {
        this.received += 1
        this.#answer(response)
      })
    })
    await once(this.#server.listen(this.#port, '127.0.0.1'), 'listening')
  }

  async stop(): Promise<void> {
    const closed = once(this.#server.close(), 'close')
    this.#server.closeAllConnections()
    await closed
  }

  answerBy(answer: typeof well): void {
    this.#answer = answer
  }

  /** Resolves when it was sent something. */
  async untilSent(): Promise<void> {
    const before = this.received
    await expect.poll(() => this.received, { timeout: 30_000 }).toBeGreaterThan(before)
  }
}

const well = (response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
}

/** After the exporter's limit. */
const slowly = (response: ServerResponse) => {
  setTimeout(() => well(response), 3_000)
}

/** Not even HTTP. */
const garbage = (response: ServerResponse) => {
  response.socket?.end(randomBytes(10_000))
}

const collector = new Collector(await findFreePort())
let server: DatabaseServer

beforeAll(async () => {
  server = await DatabaseServer.create()
  await collector.start()
})
afterAll(async () => {
  await collector.stop()
  await server.stop()
})

/** Every request is traced, and spans are sent twice a second. */
const traced = {
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
  OTEL_TRACES_SAMPLER_ARG: '1',
  OTEL_BSP_SCHEDULE_DELAY: '500',
}
const test = (fault: Fault) => testFault(() => server, { isUnnoticed: true, ...fault })

describe('the collector of traces', () => {
  test({
    name: 'OTLP endpoint down for 2 s',
    env: traced,
    async inflict() {
      await collector.untilSent()
      await collector.stop()
    },
    lastsMs: 2_000,
    async heal() {
      await collector.start()
      await collector.untilSent()
    },
  })

  for (const [how, answer] of [
    ['answers after 3 s, its limit is 1 s', slowly],
    ['answers garbage', garbage],
  ] as const) {
    test({
      name: `OTLP endpoint ${how}`,
      env: traced,
      async inflict() {
        collector.answerBy(answer)
        await collector.untilSent()
      },
      lastsMs: 2_000,
      async heal() {
        collector.answerBy(well)
        await collector.untilSent()
      },
    })
  }
})

describe('Prometheus', () => {
  const scrapers: RawClient[] = []
  test({
    name: '100 scrapes that read 1 kB each 0.1 s',
    async inflict({ service }) {
      for (let i = 0; i < 100; i++) {
        const scraper = await RawClient.connect(`http://127.0.0.1:${service.adminPort}`)
        scraper.socket.pause()
        await scraper.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n')
        scrapers.push(scraper)
      }
      for (let i = 0; i < 20; i++) {
        for (const { socket } of scrapers) socket.read(1_000)
        await sleep(100)
      }
    },
    lastsMs: 0,
    async heal() {
      for (const scraper of scrapers) scraper.destroy()
    },
  })
})
