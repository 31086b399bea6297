import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'
import { expect, it } from 'vitest'
import { RawClient } from '../helpers/http.ts'
import { scrape, sumOf } from '../telemetry/openmetrics.ts'
import { type App, ledgerSource, startApp } from './start-app.ts'

/** A day of requests in small. */
/** INSERTLAB_REQUESTS=2000000 takes six minutes. */
const wantedRequests = Number(process.env['INSERTLAB_REQUESTS'] ?? 400_000)
const warmUpRequests = 200_000
/** What a leak of a few bytes a request would exceed many times. */
const mostGrowth = 4e6

interface Inspection {
  started: number
  open: number
  withoutAnswer: number
  heap: number
}

it(`${wantedRequests} requests of all kinds leave no account open and no memory behind`, {
  timeout: 1_800_000,
}, async () => {
  await using app = await startApp(fileURLToPath(new URL('robust-app.ts', import.meta.url)), {
    nodeArgs: ['--expose-gc', '--import', ledgerSource],
  })
  await using trouble = makeTrouble(app)
  await send(app, warmUpRequests, 10)
  const before = await trouble.pause(() => untilNoneOpen(app))

  await send(app, wantedRequests / 2, 1)
  await send(app, wantedRequests / 2, 10)
  const after = await trouble.pause(() => untilNoneOpen(app))
  const page = await scrape(app.adminUrl)
  const [requestsS, processS] = [
    sumOf(page, 'http_server_request_cpu_seconds_sum'),
    sumOf(page, 'process_cpu_seconds_total'),
  ]
  const accounted = (requestsS + sumOf(page, 'process_cpu_unattributed_seconds_total')) / processS
  console.table({
    before,
    after,
    growth: { heap: after.heap - before.heap },
    trouble: trouble.counts,
    accounted: { accounted },
  })

  expect(after.started - before.started).toBeGreaterThan(wantedRequests)
  expect(after.withoutAnswer - before.withoutAnswer).toBeGreaterThan(100)
  for (const [name, count] of Object.entries(trouble.counts)) expect(count, name).toBeGreaterThan(20)
  expect(after.heap - before.heap).toBeLessThan(mostGrowth)
  expect(Math.abs(accounted - 1)).toBeLessThan(0.02)
  expect(app.output()).toBe('')
})

async function send(app: App, amount: number, pipelining: number): Promise<void> {
  const { errors, timeouts, non2xx } = await autocannon({
    url: app.url,
    connections: 64,
    pipelining,
    amount,
    timeout: 60,
    requests: [{ path: '/' }, { path: '/' }, { path: '/' }, { path: '/wait' }],
  })
  expect({ errors, timeouts, non2xx }).toEqual({ errors: 0, timeouts: 0, non2xx: 0 })
}

async function inspect(app: App): Promise<Inspection> {
  const response = await fetch(`${app.url}/inspect`, { headers: { connection: 'close' } })
  return (await response.json()) as Inspection
}

/** The end of a connection is seen a moment later. */
async function untilNoneOpen(app: App): Promise<Inspection> {
  await expect.poll(async () => (await inspect(app)).open, { timeout: 30_000 }).toBe(0)
  return inspect(app)
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`
const post = (length: number, body: string) =>
  `POST /body HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${length}\r\n\r\n${body}`

/** Each is one connection. */
const troubles: Readonly<Record<string, (client: RawClient) => Promise<void>>> = {
  'goes before the answer': async client => {
    await client.write(get('/never'))
  },
  'goes amid its body': async client => {
    await client.write(post(1000, 'a part'))
  },
  'goes amid its headers': async client => {
    await client.write('GET / HTTP/1.1\r\nhost: loc')
  },
  'pipelines and goes': async client => {
    await client.write(get('/') + get('/wait') + get('/never') + get('/') + get('/wait'))
    await received(client, 2)
  },
  'pipelines a body and an error': async client => {
    await client.write(post(6, 'a text') + get('/throws') + post(6, 'a text') + get('/'))
    await received(client, 4)
  },
  'keeps alive': async client => {
    for (let answers = 1; answers <= 5; answers++) {
      await client.write(get('/wait'))
      await received(client, answers)
    }
  },
  upgrades: async client => {
    await client.write(
      'GET /chat HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n',
    )
    await received(client, 1)
    await client.write('HTTP/1.1 is only a text here')
    await received(client, 2)
  },
  'is answered by an error': async client => {
    await client.write(get('/throws'))
    await received(client, 1)
  },
  'is never answered for an error': async client => {
    await client.write(get('/throws-at-once') + get('/'))
  },
  'speaks nonsense': async client => {
    await client.write('nonsense\r\n\r\n')
    await received(client, 1)
  },
  'closes the connection': async client => {
    await client.write('GET /wait HTTP/1.0\r\n\r\n')
    await client.untilClosed()
  },
  'wants to continue': async client => {
    await client.write(
      'POST /body HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 6\r\n\r\n',
    )
    await received(client, 1)
    await client.write('a text')
    await received(client, 2)
  },
}

/** Until so many answers began. */
async function received(client: RawClient, answers: number): Promise<void> {
  while (client.received.split('HTTP/1.1 ').length - 1 < answers) await once(client.socket, 'data')
}

function makeTrouble(app: App) {
  const counts: Record<string, number> = Object.fromEntries(Object.keys(troubles).map(name => [name, 0]))
  let running = true
  const run = async () => {
    while (running)
      for (const [name, make] of Object.entries(troubles)) {
        const client = await RawClient.connect(app.url)
        await make(client)
        client.destroy()
        counts[name] = (counts[name] ?? 0) + 1
      }
  }
  let maker = run()
  return {
    counts,
    async pause<T>(work: () => Promise<T>): Promise<T> {
      running = false
      await maker
      const result = await work()
      running = true
      maker = run()
      return result
    },
    async [Symbol.asyncDispose]() {
      running = false
      await maker
    },
  }
}
