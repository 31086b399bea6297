import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createDatabase } from '../helpers/database.ts'
import { type App, startApp } from './start-app.ts'

/**
 * A boundary that is lost: 20 ms of CPU are burned after each way in which Node calls back, while other requests do the
 * same at once, and must be in the figure of the request that waited.
 */
const burnedMs = 20
/** What a request of this application needs besides, on a busy machine too. */
const slackMs = 8
const times = 3

/** Where what is burned must not be in the request. */
const inBuckets: Readonly<Record<string, string>> = {
  'after the response': 'after_response',
  'in a bucket': 'reports',
  // Called for the connection, or by the timer that emits, and nothing of the request continues after it.
  'in a query’s callback that answers': 'sockets',
  'in a listener that answers': 'rest',
}

interface Figures {
  names: string[]
  figuresMs: Record<string, number[]>
  bucketsS: Record<string, number>
}

let database: Awaited<ReturnType<typeof createDatabase>>
let app: App
let figures: Figures
let before: Figures

beforeAll(async () => {
  database = await createDatabase()
  app = await startApp(fileURLToPath(new URL('boundaries-app.ts', import.meta.url)), {
    env: { DATABASE_URL: database.url },
  })
  before = await readFigures()
  const { names } = before
  // The first round loads and compiles what the others only use.
  await Promise.all(names.map(send))
  await vi.waitUntil(async () => countOf(await readFigures()) === names.length, 60_000)
  for (let i = 0; i < 3; i++) await send('throws')
  before = await readFigures()
  await Promise.all(
    Array.from({ length: times }, () => names)
      .flat()
      .map(send),
  )
  await vi.waitUntil(
    async () => countOf(await readFigures()) === countOf(before) + times * names.length,
    60_000,
  )
  figures = await readFigures()
})
afterAll(async () => {
  await app?.[Symbol.asyncDispose]()
  await database?.drop()
})

async function send(name: string): Promise<void> {
  async function* body() {
    for (const part of ['a', 'b', 'c']) {
      yield new TextEncoder().encode(part.repeat(1000))
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  }
  const response = await fetch(`${app.url}/${encodeURIComponent(name)}`, {
    method: 'POST',
    body: ReadableStream.from(body()),
    duplex: 'half',
  })
  expect(response.status).toBe(200)
  await response.text()
}

async function readFigures(): Promise<Figures> {
  const response = await fetch(`${app.url}/figures`)
  return (await response.json()) as Figures
}

function countOf({ figuresMs }: Figures): number {
  return Object.values(figuresMs).flat().length
}

describe('CPU that is burned', () => {
  const names = [
    'in the handler',
    'after await of nothing',
    'after await of a timer',
    'after await of setImmediate',
    'after await in a nested function',
    'in then',
    'in finally',
    'in catch',
    'in an async generator',
    'in setTimeout',
    'in setInterval',
    'in setImmediate',
    'in nextTick',
    'in queueMicrotask',
    'in the callback of readFile',
    'after await of readFile',
    'in the callback of pbkdf2',
    'in the callback of gzip',
    'in the callback of lookup',
    'after await of a child process',
    'in a bound function',
    'after a bound function in a continuation',
    'after events.once',
    'in the callback of a query',
    'after a promise that another request resolves',
    'in a stream’s transform',
    'after pipeline',
    'after fetch',
    'after the answer of http.get',
    'after a query',
    'after a message of a worker',
    'in the body’s data',
    'in the body’s end',
    'after await of the body',
    'in shared work of its own',
  ]

  it.each(names)('%s is in the figure of its request', name => {
    const all = figures.figuresMs[name]?.slice(1) ?? []
    expect(all).toHaveLength(times)
    for (const ms of all) {
      expect(ms).toBeGreaterThan(burnedMs * 0.97)
      expect(ms).toBeLessThan(burnedMs + slackMs)
    }
  })

  it.each(Object.entries(inBuckets))('%s is in the bucket `%s`', (name, bucket) => {
    const all = figures.figuresMs[name]?.slice(1) ?? []
    expect(all).toHaveLength(times)
    for (const ms of all) expect(ms).toBeLessThan(slackMs)
    const grownMs = 1000 * ((figures.bucketsS[bucket] ?? 0) - (before.bucketsS[bucket] ?? 0))
    expect(grownMs).toBeGreaterThan(times * burnedMs * 0.97)
  })

  it('has a test for each case of the application', () => {
    expect([...names, ...Object.keys(inBuckets)].sort()).toEqual(figures.names.toSorted())
  })
})
