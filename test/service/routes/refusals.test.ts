import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openApp, type RunningApp } from '../../helpers/app.ts'
import { lockTable } from '../../helpers/gate.ts'
import { exchange, expectJson, expectProblem, RawClient } from '../../helpers/http.ts'

let app: RunningApp

beforeAll(async () => {
  app = await openApp()
})
afterAll(async () => {
  expect(app.log.filter(line => line.includes('request failed'))).toEqual([])
  await app.close()
})

describe('a route that is not there', () => {
  it.each([
    '/',
    '/nowhere',
    '/tasks/1/comments',
    '/TEXTS',
    '/texts/bulk/1',
    '/ping/pong',
    '//',
    '/%2e%2e/etc/passwd',
  ])('GET %s', async path => {
    await expectProblem(await fetch(app.url + path), 404, 'not_found')
  })

  it('does not repeat markup as markup', async () => {
    const answer = await fetch(`${app.url}/<script>alert(1)</script>`)
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    await expectProblem(answer, 404, 'not_found')
  })
})

describe('a method that the resource does not take', () => {
  it.each([
    ['POST', '/ping/', 'GET, HEAD'],
    ['DELETE', '/texts', 'POST'],
    ['GET', '/texts', 'POST'],
    ['PUT', '/texts', 'POST'],
    ['GET', '/texts/bulk', 'POST'],
    ['POST', '/test-insert', 'GET, HEAD'],
    ['PATCH', '/tasks/', 'GET, HEAD, POST'],
    ['PUT', '/tasks', 'GET, HEAD, POST'],
    ['PATCH', '/tasks/1', 'DELETE, GET, HEAD, PUT'],
    ['POST', '/tasks/1/', 'DELETE, GET, HEAD, PUT'],
    ['POST', '/livez', 'GET, HEAD'],
    ['DELETE', '/openapi.json', 'GET, HEAD'],
    ['OPTIONS', '/texts', 'POST'],
  ])('%s %s', async (method, path, allowed) => {
    const answer = await fetch(app.url + path, { method })
    await expectProblem(answer, 405, 'method_not_allowed')
    expect(answer.headers.get('allow')?.split(', ').sort().join(', ')).toBe(allowed)
  })

  it.each(['TRACE', 'PROPFIND', 'BREW'])('%s, which hardly anybody knows', async method => {
    const answer = await exchange(
      app.url,
      `${method} /texts HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 (400|404|405) /)
    expect(answer).toContain('application/problem+json')
  })
})

describe('no answer tells what the service is made of', () => {
  const names = /fastify|node(?!\w)|express|undici|llhttp|postgres(?!ql)|pg[^a-z]|\bv?\d+\.\d+\.\d+/i

  it.each([
    ['GET', '/ping/'],
    ['GET', '/nowhere'],
    ['GET', '/%zz'],
    ['PATCH', '/texts'],
    ['POST', '/texts'],
    ['GET', '/test-insert?rows=0'],
    ['GET', '/tasks/?after=x'],
    ['GET', '/readyz'],
  ])('%s %s', async (method, path) => {
    const answer = await fetch(app.url + path, { method })
    const headers = Object.fromEntries(answer.headers)
    for (const name of ['server', 'x-powered-by', 'via']) expect(headers).not.toHaveProperty(name)
    expect(JSON.stringify(headers)).not.toMatch(names)
    expect(await answer.text()).not.toMatch(names)
  })

  it.each(['hello there\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n'])('%j', async bytes => {
    const answer = await exchange(app.url, bytes)
    expect(answer).not.toMatch(/^(server|x-powered-by):/im)
    expect(answer.replace(/^date: .*$/im, '')).not.toMatch(names)
  })
})

describe('HEAD', () => {
  it.each(['/ping/', '/livez', '/readyz', '/tasks/', '/openapi.json'])('%s has no body', async path => {
    const answer = await fetch(app.url + path, { method: 'HEAD' })
    expect(answer.status).toBe(200)
    expect(await answer.text()).toBe('')
    expect(Number(answer.headers.get('content-length'))).toBeGreaterThan(0)
  })
})

describe('a URL that cannot be decoded', () => {
  it.each(['/%zz', '/%', '/tasks/%zz', '/tasks/%e0%a4%a', '/%c3%28'])('%s', async path => {
    await expectProblem(await fetch(app.url + path), 400, 'url_malformed')
  })

  it('in the query is taken as it stands', async () => {
    await expectProblem(await fetch(`${app.url}/test-insert?rows=%zz`), 400, 'validation_failed')
    await expectProblem(await fetch(`${app.url}/tasks/?after=%ff`), 400, 'cursor_invalid')
  })

  it('with an endless parameter', async () => {
    await expectProblem(await fetch(`${app.url}/tasks/${'1'.repeat(5000)}`), 400, 'url_malformed')
  })
})

describe('what is not HTTP', () => {
  it.each([
    ['noise', Buffer.from([0, 1, 2, 255, 254, 10, 13, 10, 13, 10])],
    ['a TLS greeting', Buffer.from('1603010200010001fc0303', 'hex')],
    ['words', 'hello there\r\n\r\n'],
    ['a version from the future', 'GET /ping/ HTTP/9.9\r\n\r\n'],
    ['a bad header', 'GET /ping/ HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n'],
    ['a bad length', 'POST /texts HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n'],
    ['two lengths', 'POST /texts HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello'],
    [
      'a length beside chunks',
      'POST /texts HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    [
      'a bad chunk',
      'POST /texts HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
    ],
    ['a request to a proxy', 'CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['no host', 'GET /ping/ HTTP/1.1\r\n\r\n'],
  ])('%s', async (_, bytes) => {
    const answer = await exchange(app.url, bytes)
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
    expect(answer).not.toMatch(/node_modules|\.ts:\d/)
    await expectJson(await fetch(`${app.url}/ping/`), 200)
  })

  it.each(['GET /ping/', 'GET /nowhere', 'POST /texts'])(
    'tells %s without a Host as a problem',
    async line => {
      const answer = await exchange(app.url, `${line} HTTP/1.1\r\ncontent-length: 0\r\n\r\n`)
      const [head = '', body = ''] = answer.split('\r\n\r\n')
      expect(head).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*content-type: application\/problem\+json/)
      expect(head).toMatch(/connection: close/i)
      expect(JSON.parse(body)).toMatchObject({ status: 400, code: 'http_malformed' })
    },
  )

  it('but HTTP/1.0 needs no Host', async () => {
    expect(await exchange(app.url, 'GET /ping/ HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  })

  it('tells the parser’s complaint as a problem', async () => {
    const answer = await exchange(app.url, 'hello there\r\n\r\n')
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    expect(head).toMatch(/content-type: application\/problem\+json/)
    expect(head).toMatch(/connection: close/i)
    expect(JSON.parse(body)).toMatchObject({ status: 400, code: 'http_malformed' })
  })

  it('a header larger than it takes', async () => {
    const answer = await exchange(
      app.url,
      `GET /ping/ HTTP/1.1\r\nhost: x\r\nbig: ${'x'.repeat(100_000)}\r\n\r\n`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 431 /)
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({
      status: 431,
      code: 'headers_too_large',
    })
  })

  it('a client that leaves in the middle of its body', async () => {
    const client = await RawClient.connect(app.url)
    await client.write(
      'POST /texts HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"text":',
    )
    client.destroy()
    await expectJson(await fetch(`${app.url}/ping/`), 200)
  })
})

describe('what follows a request on its connection', () => {
  it.each([
    ['words', 'hello there\r\n\r\n'],
    ['a request to a proxy', 'CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n'],
  ])('is refused after the request has had its answer: %s', async (_, bytes) => {
    const gate = await lockTable(app, 'simple_text')
    const client = await RawClient.connect(app.url)
    await client.write(`GET /test-insert?strategy=single HTTP/1.1\r\nhost: x\r\n\r\n${bytes}`)
    await gate.waiters(1)
    await gate.open()
    const answers = await client.untilClosed()
    expect(answers).toMatch(
      /^HTTP\/1\.1 200 OK\r\n[\s\S]*HTTP\/1\.1 400 Bad Request\r\n[\s\S]*"http_malformed"/,
    )
  })
})

describe('an expectation', () => {
  const request = (expectation: string) =>
    `POST /texts HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 12\r\nexpect: ${expectation}\r\n\r\n{"text":"a"}`

  it.each(['200-ok', 'everything', '200-ok, 99-continue'])('of %s is refused', async expectation => {
    const [head = '', body = ''] = (await exchange(app.url, request(expectation))).split('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1\.1 417 Expectation Failed\r\n[\s\S]*application\/problem\+json/)
    expect(JSON.parse(body)).toMatchObject({ status: 417, code: 'expectation_failed' })
  })

  it.each(['100-continue', '100-Continue'])('of %s is met', async expectation => {
    expect(await exchange(app.url, request(expectation))).toMatch(
      /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 Created\r\n/,
    )
  })
})

describe('the body limit', () => {
  it('refuses by the declared length, without reading', async () => {
    const client = await RawClient.connect(app.url)
    await client.write(
      'POST /texts HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2000000\r\n\r\n',
    )
    await expect.poll(() => client.received).toMatch(/^HTTP\/1\.1 413 /)
    client.destroy()
  })

  it('refuses a chunked body as soon as it is too large', async () => {
    const client = await RawClient.connect(app.url)
    await client.write(
      'POST /tasks/ HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n',
    )
    const chunk = 'x'.repeat(64 * 1024)
    for (let i = 0; i < 17; i++) await client.write(`10000\r\n${chunk}\r\n`)
    await expect.poll(() => client.received).toMatch(/^HTTP\/1\.1 413 /)
    client.destroy()
  })
})

describe('keep-alive', () => {
  it('answers pipelined requests in their order', async () => {
    const request = (path: string, last = false) =>
      `GET ${path} HTTP/1.1\r\nhost: x\r\n${last ? 'connection: close\r\n' : ''}\r\n`
    const answer = await exchange(
      app.url,
      request('/ping/') + request('/nowhere') + request('/test-insert') + request('/livez', true),
    )
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual([
      'HTTP/1.1 200',
      'HTTP/1.1 404',
      'HTTP/1.1 200',
      'HTTP/1.1 200',
    ])
  })
})
