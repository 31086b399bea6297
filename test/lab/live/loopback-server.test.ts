import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { type LoopbackServer, serveOnLoopback } from '../../../src/lab/live/loopback-server.ts'

function serve(): Promise<LoopbackServer> {
  return serveOnLoopback({
    files: new Map([['/', { type: 'text/html', content: 'the page' }]]),
    stream: '/changes',
    greeting: () => 'hello',
  })
}

async function ask(
  server: LoopbackServer,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<IncomingMessage> {
  const sent = request(new URL(path, server.url), { headers, method, agent: false }).end()
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  return answer
}

describe('to whom it answers', () => {
  test.each(['localhost:1234', '127.0.0.1', '[::1]:80', 'LOCALHOST'])('to %s, any port', async host => {
    await using server = await serve()
    const answer = await ask(server, '/', { host })
    expect(answer.statusCode).toBe(200)
    expect(await text(answer)).toBe('the page')
  })

  test.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1:80'])(
    'not to the name %j, which leads here by rebinding',
    async host => {
      await using server = await serve()
      for (const path of ['/', '/changes', '/none']) {
        const answer = await ask(server, path, { host })
        expect(answer.statusCode).toBe(421)
        expect(await text(answer)).not.toContain('the page')
      }
    },
  )

  test('not to pages of other sites, and lets none of them read', async () => {
    await using server = await serve()
    expect((await ask(server, '/changes', { 'sec-fetch-site': 'cross-site' })).statusCode).toBe(403)
    expect((await ask(server, '/changes', { 'sec-fetch-site': 'same-site' })).statusCode).toBe(403)
    const answer = await ask(server, '/', { origin: 'https://evil.example' })
    expect(Object.keys(answer.headers).filter(name => name.startsWith('access-control'))).toEqual([])
    expect(answer.headers).toMatchObject({
      'cross-origin-resource-policy': 'same-origin',
      'x-frame-options': 'DENY',
    })
  })

  test('to GET only, and nothing but its files', async () => {
    await using server = await serve()
    expect((await ask(server, '/', {}, 'POST')).statusCode).toBe(405)
    expect((await ask(server, '/../package.json')).statusCode).toBe(404)
  })

  test('on 127.0.0.1 only', async () => {
    await using server = await serve()
    const socket = connect({ host: '127.0.0.2', port: Number(new URL(server.url).port) })
    await expect(once(socket, 'connect')).rejects.toThrow('ECONNREFUSED')
  })
})

test('greets, tells, tells the last and ends; and is gone', async () => {
  const server = await serve()
  expect(server.hasListeners()).toBe(false)
  const answer = await ask(server, '/changes')
  expect(answer.headers['content-type']).toBe('text/event-stream')
  expect(server.hasListeners()).toBe(true)
  server.tell('one')
  server.tellLast('two')
  expect(await text(answer)).toBe('data: hello\n\ndata: one\n\ndata: two\n\nevent: end\ndata: \n\n')
  await server[Symbol.asyncDispose]()
  await expect(ask(server, '/')).rejects.toThrow('ECONNREFUSED')
})

test('ends although someone still listens', async () => {
  const server = await serve()
  const answer = await ask(server, '/changes')
  await server[Symbol.asyncDispose]()
  expect(await text(answer)).toBe('data: hello\n\n')
})

test('drops a listener that does not read, before its messages fill the memory', async () => {
  await using server = await serve()
  await ask(server, '/changes')
  const message = 'x'.repeat(2 ** 20)
  for (let told = 0; told < 100 && server.hasListeners(); told++) {
    server.tell(message)
    await new Promise(setImmediate)
  }
  expect(server.hasListeners()).toBe(false)
})
