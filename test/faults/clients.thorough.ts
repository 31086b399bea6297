import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import type { Answer } from '../helpers/clients.ts'
import { RawClient } from '../helpers/http.ts'
import { DatabaseServer } from './database-server.ts'
import { type Fault, testFault } from './fault.ts'
import { newTexts, postOfText } from './load.ts'

let server: DatabaseServer

beforeAll(async () => {
  server = await DatabaseServer.create()
})
afterAll(() => server.stop())

const test = (fault: Fault) => testFault(() => server, fault)

function connectMany(url: string, count: number): Promise<RawClient[]> {
  return Promise.all(Array.from({ length: count }, () => RawClient.connect(url)))
}

describe('idle clients', () => {
  const wanted = 10_000
  /** This process and the service each need as many files, and some more. */
  const files = Number(execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' })) || Infinity
  const count = Math.min(wanted, files - 1_000)
  if (count < wanted) console.warn(`only ${count} idle connections: this process may open ${files} files`)
  const clients: RawClient[] = []
  test({
    name: `${count.toLocaleString('en')} idle connections`,
    // A connection on which nothing comes is closed after this time. A slow machine may need more than the default of
    // 10 s to open them all.
    env: { HEADERS_TIMEOUT_MS: '60000' },
    async inflict({ service }) {
      while (clients.length < count) clients.push(...(await connectMany(service.url, 500)))
    },
    async heal() {
      expect(clients.filter(({ socket }) => socket.destroyed)).toEqual([])
      for (const client of clients) client.destroy()
    },
    isUnnoticed: true,
  })
})

describe('slow clients', () => {
  test({
    name: '500 clients that send a byte of their headers each 0.2 s (slowloris)',
    env: { HEADERS_TIMEOUT_MS: '1000' },
    async inflict({ service }) {
      const clients = await connectMany(service.url, 500)
      const request = postOfText('never sent')
      for (let i = 0; clients.some(({ socket }) => !socket.destroyed); i++) {
        for (const { socket } of clients) if (socket.writable) socket.write(request[i % 20] ?? '')
        await sleep(200)
      }
      const answers = clients.map(({ received }) => received.slice(0, 'HTTP/1.1 408'.length))
      expect(new Set(answers)).toEqual(new Set(['HTTP/1.1 408']))
    },
    lastsMs: 0,
    isUnnoticed: true,
  })

  test({
    // Node's HTTP server takes the end of what a client sends for the end of the client. Few get an answer in time.
    name: '300 clients that close their half after the request',
    async inflict({ service, load }) {
      const clients = await connectMany(service.url, 300)
      for (const client of clients) {
        const [text = ''] = newTexts()
        client.socket.end(postOfText(text))
        void load.record('text', [text], answerOf(client))
      }
    },
    check: ({ answers }) =>
      expect(Object.keys(answers).sort()).toEqual(['200', '201', 'closed without an answer']),
  })

  test({
    name: '1,000 clients that vanish after their request',
    async inflict({ service, load }) {
      for (let i = 0; i < 1000; i++) {
        const client = await RawClient.connect(service.url)
        const [text = ''] = newTexts()
        await client.write(postOfText(text))
        void load.record('text', [text], Promise.resolve({ status: 'vanished', body: '' }))
        setTimeout(() => client.destroy(), i % 10)
      }
    },
    lastsMs: 0,
    check: ({ answers }) => expect(Object.keys(answers).sort()).toEqual(['200', '201', 'vanished']),
  })
})

async function answerOf(client: RawClient): Promise<Answer> {
  const [, status, body = ''] =
    /^HTTP\/1\.1 (\d+) [\s\S]*?\r\n\r\n([\s\S]*)$/.exec(await client.untilClosed()) ?? []
  return { status: status === undefined ? 'closed without an answer' : Number(status), body }
}
