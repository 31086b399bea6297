import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openApp, type RunningApp } from '../../helpers/app.ts'
import { expectProblem, send } from '../../helpers/http.ts'

let app: RunningApp

beforeAll(async () => {
  app = await openApp()
  await app.sql(`INSERT INTO tasks (id, title) VALUES (1000, 'as it was')`)
})
afterAll(async () => {
  expect(app.log.filter(line => line.includes('request failed'))).toEqual([])
  await app.close()
})
beforeEach(() => app.sql('TRUNCATE simple_text'))

const routes = [
  { method: 'POST', path: '/texts', type: 'application/json', before: '{"text":"', after: '"}', status: 201 },
  {
    method: 'POST',
    path: '/tasks/',
    type: 'application/json',
    before: '{"title":"',
    after: '"}',
    status: 201,
  },
  {
    ...{ method: 'PUT', path: '/tasks/1000', type: 'application/json', status: 200 },
    ...{ before: '{"done":false,"title":"', after: '"}' },
  },
  {
    ...{ method: 'POST', path: '/texts/bulk', type: 'application/x-ndjson', status: 201 },
    ...{ before: '{"text":"', after: '"}\n' },
  },
] as const

const stored = async () => [
  ...(await app.sql('SELECT text FROM simple_text')),
  ...(await app.sql('SELECT title AS text FROM tasks')),
]

describe.each(routes)('$method $path', ({ method, path, type, before, after, status }) => {
  const ask = (body: Buffer, headers: Record<string, string> = {}) =>
    send(method, app.url + path, new Uint8Array(body), { headers: { 'content-type': type, ...headers } })
  const around = (text: Buffer) => Buffer.concat([Buffer.from(before), text, Buffer.from(after)])

  it.each([
    ['Latin-1', Buffer.from('caf\xe9', 'latin1')],
    ['a character that is cut', Buffer.from('é').subarray(0, 1)],
    ['an overlong form', Buffer.from([0xc0, 0xaf])],
    ['a surrogate', Buffer.from([0xed, 0xa0, 0x80])],
    ['a byte that UTF-8 never has', Buffer.from([0xff])],
  ])('refuses %s and stores nothing', async (_, text) => {
    const rows = await stored()
    const code = path === '/texts/bulk' ? 'line_invalid' : 'body_malformed'
    const { detail } = await expectProblem(await ask(around(text)), 400, code)
    expect(detail).toContain('not UTF-8')
    expect(await stored()).toEqual(rows)
  })

  it.each(['latin1', 'iso-8859-1', 'utf-16', '"windows-1252"'])(
    'refuses the charset %s and stores nothing',
    async charset => {
      const rows = await stored()
      const answer = await ask(around(Buffer.from('caf\xe9', 'latin1')), {
        'content-type': `${type};charset=${charset}`,
      })
      await expectProblem(answer, 415, 'media_type_unsupported')
      expect(await stored()).toEqual(rows)
    },
  )

  it.each(['gzip', 'br', 'deflate', 'identity, gzip'])('refuses content-encoding: %s', async encoding => {
    const rows = await stored()
    const answer = await ask(gzipSync(around(Buffer.from('text'))), { 'content-encoding': encoding })
    await expectProblem(answer, 415, 'media_type_unsupported')
    expect(await stored()).toEqual(rows)
  })

  it.each([
    ['UTF-8 that says so', { 'content-type': `${type}; charset=UTF-8` }],
    ['the charset in quotes', { 'content-type': `${type}; charset="utf-8"` }],
    ['the charset without its hyphen', { 'content-type': `${type}; charset=utf8` }],
    ['content-encoding: identity', { 'content-encoding': 'identity' }],
  ] as const)('takes %s', async (_, headers) => {
    const answer = await ask(around(Buffer.from('café 🙂')), headers)
    expect(answer.status).toBe(status)
    expect(await stored()).toContainEqual({ text: 'café 🙂' })
  })

  it('takes a byte-order mark and does not store it', async () => {
    const mark = Buffer.from([0xef, 0xbb, 0xbf])
    const answer = await ask(Buffer.concat([mark, around(Buffer.from('marked'))]))
    expect(answer.status).toBe(status)
    expect(await stored()).toContainEqual({ text: 'marked' })
  })
})

describe('POST /texts/bulk', () => {
  const bulk = (body: Buffer) =>
    send('POST', `${app.url}/texts/bulk`, new Uint8Array(body), {
      headers: { 'content-type': 'application/x-ndjson' },
    })

  it.each([1, 2, 5000])('names line %i as the one that is not UTF-8', async wrong => {
    const lines = Array.from({ length: wrong + 3 }, (_, i) =>
      Buffer.from(i + 1 === wrong ? '{"text":"caf\xe9"}\n' : '{"text":"good"}\n', 'latin1'),
    )
    const { detail } = await expectProblem(await bulk(Buffer.concat(lines)), 400, 'line_invalid')
    expect(detail).toMatch(new RegExp(`^line ${wrong}: it is not UTF-8;`))
    expect(await app.sql('SELECT FROM simple_text')).toEqual([])
  })

  it('names a last line without a newline', async () => {
    const { detail } = await expectProblem(
      await bulk(Buffer.from('{"text":"good"}\n{"text":"caf\xe9"}', 'latin1')),
      400,
      'line_invalid',
    )
    expect(detail).toMatch(/^line 2: it is not UTF-8;/)
  })

  it('takes a byte-order mark only where the stream begins', async () => {
    const { detail } = await expectProblem(
      await bulk(Buffer.from('{"text":"good"}\n\uFEFF{"text":"bad"}\n')),
      400,
      'line_invalid',
    )
    expect(detail).toMatch(/^line 2: it is not JSON;/)
  })
})
