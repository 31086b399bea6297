import { describe, expect, test } from 'vitest'
import { installedGenerators } from '../../../src/lab/load/choose.ts'
import { requireSuccess } from '../../../src/lab/load/first-request.ts'
import type { LoadPlan } from '../../../src/lab/load/generator.ts'
import { nameOf, prepareRequest } from '../../../src/lab/load/prepare-request.ts'
import type { RequestTemplate } from '../../../src/lab/load/templates.ts'
import { startRecordingServer } from './recording-server.ts'

const generators = installedGenerators()
const { signal } = new AbortController()
const hooks = { signal, onLive: () => {}, onWindow: () => {} }

const onePlan = (baseUrl: string): LoadPlan => ({
  baseUrl,
  requests: [{ path: '/' }],
  shape: { mode: 'closed', connections: 1 },
  warmupS: 0,
  durationS: 1,
})

interface Kind {
  readonly what: string
  /** What follows `http://host` in the base URL. */
  readonly base: string
  readonly request: RequestTemplate
  readonly line: string
  readonly headers?: Record<string, string>
}

const kinds: Kind[] = [
  {
    what: 'a path below the base path',
    base: '/api/v1',
    request: { path: '/items' },
    line: 'GET /api/v1/items',
  },
  {
    what: 'a base that is the path',
    base: '/items?limit=5',
    request: { path: '' },
    line: 'GET /items?limit=5',
  },
  {
    what: 'two queries, and a fragment that is nobody’s',
    base: '/v1/?limit=5#top',
    request: { path: '/items?after=a%20b' },
    line: 'GET /v1/items?limit=5&after=a%20b',
  },
  {
    what: 'characters that a request line may not have',
    base: '/k\u00fcche',
    request: { path: '/two words/100%/"<x>|{y}?q=gr\u00fc\u00df e' },
    line: 'GET /k%C3%BCche/two%20words/100%25/%22%3Cx%3E%7C%7By%7D?q=gr%C3%BC%C3%9F%20e',
  },
  { what: 'no path at all', base: '', request: { path: '' }, line: 'GET /' },
  {
    what: 'headers, and one that stands in for a default',
    base: '',
    request: { path: '/', headers: { 'X-Key': 'a: b', host: 'shop.example', 'User-Agent': 'mine' } },
    line: 'GET /',
    headers: { 'x-key': 'a: b', host: 'shop.example', 'user-agent': 'mine' },
  },
  {
    what: 'a body without a method',
    base: '',
    request: { path: '/users', body: '{"name":"J\u00fcrgen",\n "n": 1}' },
    line: 'POST /users',
    headers: { 'content-type': 'application/json', 'content-length': '27' },
  },
  {
    what: 'PATCH with a type of its own',
    base: '',
    request: {
      method: 'PATCH',
      path: '/users/1',
      body: 'a=1&b=2',
      headers: { 'Content-Type': 'text/x-own' },
    },
    line: 'PATCH /users/1',
    headers: { 'content-type': 'text/x-own' },
  },
  { what: 'PUT without a body', base: '', request: { method: 'PUT', path: '/a' }, line: 'PUT /a' },
  { what: 'DELETE', base: '', request: { method: 'DELETE', path: '/a' }, line: 'DELETE /a' },
  { what: 'OPTIONS', base: '', request: { method: 'OPTIONS', path: '/a' }, line: 'OPTIONS /a' },
]

test.each(kinds)('the check and every generator send the same: $what', async kind => {
  await using server = await startRecordingServer()
  const baseUrl = `http://${server.host}${kind.base}`
  await requireSuccess(baseUrl, kind.request, signal)
  expect(server.requests).toHaveLength(1)
  const [checked] = server.requests
  expect(checked?.line).toBe(`${kind.line} HTTP/1.1`)
  expect(checked?.headers).toMatchObject({ host: server.host, ...kind.headers })
  expect(checked?.body.toString()).toBe(kind.request.body ?? '')
  expect(nameOf(prepareRequest(baseUrl, kind.request))).toBe(kind.line)

  await Promise.all(
    generators.map(async generator => {
      await using own = await startRecordingServer()
      const plan = { ...onePlan(`http://${own.host}${kind.base}`), requests: [kind.request] }
      const { failed, succeeded } = await generator.run(plan, hooks)
      expect(failed, generator.name).toBe(0)
      expect(succeeded, generator.name).toBeGreaterThan(0)
      const host = checked?.headers['host'] === server.host ? own.host : checked?.headers['host']
      const expected = { ...checked, headers: { ...checked?.headers, host } }
      for (const sent of own.requests) expect(sent, generator.name).toEqual(expected)
    }),
  )
})

test('credentials in the URL become a header', () => {
  const { headers, target } = prepareRequest('http://me:p%40ss@host/a', { path: '' })
  expect(headers).toMatchObject({ Host: 'host', authorization: `Basic ${btoa('me:p@ss')}` })
  expect(target).toBe('/a')
})

const varying = generators.filter(({ name }) => name !== 'wrk')

describe('{n}', () => {
  test('is a number that no other request has, whoever sends it', async () => {
    await using server = await startRecordingServer()
    const baseUrl = `http://${server.host}`
    const request = { path: '/users/{n}', body: '{"key":"{uuid}","n":{n},"of":{random:1-3}}' }
    await requireSuccess(baseUrl, request, signal)
    const loads = varying.flatMap(generator => [
      { generator, shape: { mode: 'closed', connections: 8 } as const },
      { generator, shape: { mode: 'open', ratePerS: 200, maxConnections: 4 } as const },
    ])
    for (const { generator, shape } of loads) {
      await requireSuccess(baseUrl, request, signal)
      await generator.run({ baseUrl, requests: [request], shape, warmupS: 1, durationS: 1 }, hooks)
    }
    const numbers = server.requests.map(({ line }) => /^POST \/users\/(\d+) HTTP/.exec(line)?.[1])
    expect(numbers).not.toContain(undefined)
    expect(new Set(numbers).size).toBe(numbers.length)
    const bodies = server.requests.map(({ body }): unknown => JSON.parse(body.toString()))
    expect(bodies.map(body => (body as { n: number }).n)).toEqual(numbers.map(Number))
    expect(new Set(bodies.map(body => (body as { key: string }).key)).size).toBe(bodies.length)
    expect(bodies[0]).toMatchObject({
      key: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/),
    })
  })
})

test.each(varying)('$name waits for the answer behind a 103', async generator => {
  await using server = await startRecordingServer({ earlyHints: true })
  const baseUrl = `http://${server.host}`
  await requireSuccess(baseUrl, { path: '/' }, signal)
  server.requests.length = 0
  const { succeeded, failed } = await generator.run(onePlan(baseUrl), hooks)
  expect(failed).toBe(0)
  expect(succeeded).toBeGreaterThan(0)
  // One more may have been under way when the window closed.
  expect(succeeded).toBeLessThanOrEqual(server.requests.length)
})
