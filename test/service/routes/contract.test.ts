import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { insertStrategyNames } from '../../../src/service/store/inserts/insert-strategy.ts'
import { openApp, type RunningApp, startApp } from '../../helpers/app.ts'
import { expectJson, expectProblem, post, send } from '../../helpers/http.ts'

let app: RunningApp

beforeAll(async () => {
  app = await openApp()
})
afterAll(() => app.close())

describe('GET /ping/', () => {
  it.each(['/ping/', '/ping'])('%s answers', async path => {
    expect(await expectJson(await fetch(app.url + path), 200)).toEqual({ ping: 'pong' })
  })
})

describe('GET /test-insert', () => {
  it('inserts one row and tells id, duration and CPU in seconds', async () => {
    const answer = await expectJson(await fetch(`${app.url}/test-insert`), 200)
    expect(Object.keys(answer).sort()).toEqual(['cpu_duration', 'duration', 'id'])
    expect(await app.sql('SELECT id FROM simple_text WHERE id = $1', [answer['id']])).toEqual([
      { id: answer['id'] },
    ])
    const { duration, cpu_duration: cpu } = answer as { duration: number; cpu_duration: number }
    expect(duration).toBeGreaterThan(0)
    expect(duration).toBeLessThan(10)
    expect(cpu).toBeGreaterThan(0)
    expect(cpu).toBeLessThanOrEqual(duration)
  })

  it.each(insertStrategyNames)('gives the ids of several rows, the first as id, by %s', async strategy => {
    const { id, ids } = await expectJson(
      await fetch(`${app.url}/test-insert?rows=3&strategy=${strategy}`),
      200,
    )
    expect(ids).toHaveLength(3)
    expect(id).toBe((ids as number[])[0])
    expect(await app.sql('SELECT FROM simple_text WHERE id = ANY($1)', [ids])).toHaveLength(3)
  })

  it('gives the naive reading beside the ledger’s where it is asked for', async () => {
    const { cpu_duration_naive: naive } = await expectJson(await fetch(`${app.url}/test-insert?naive=1`), 200)
    expect(naive).toEqual(expect.any(Number))
    expect(await expectJson(await fetch(`${app.url}/test-insert?naive=0`), 200)).not.toHaveProperty(
      'cpu_duration_naive',
    )
  })

  it.each(['off', 'ledger', 'metrics', 'full'] as const)('under TELEMETRY=%s', async telemetry => {
    const level = await startApp({ TELEMETRY: telemetry })
    const { cpu_duration: cpu } = await expectJson(await fetch(`${level.url}/test-insert`), 200)
    if (telemetry === 'off') expect(cpu).toBeNull()
    else expect(cpu).toBeGreaterThan(0)
  })

  it.each([
    'rows=0',
    'rows=1001',
    'rows=-1',
    'rows=1.5',
    'rows=NaN',
    'rows=',
    'rows=ten',
    'rows=1&rows=2',
    'rows[]=1',
    'rows=99999999999999999999',
    'rows=Infinity',
    'strategy=fastest',
    'strategy=',
    'strategy=constructor',
    'strategy=__proto__',
    'strategy=batched&strategy=copy',
    'naive=2',
    'naive=yes',
  ])('refuses ?%s', async query => {
    const answer = await fetch(`${app.url}/test-insert?${query}`)
    if (query === 'rows[]=1') await expectJson(answer, 200)
    else await expectProblem(answer, 400, 'validation_failed')
  })

  it('does not mind parameters that it does not know', async () => {
    await expectJson(await fetch(`${app.url}/test-insert?unknown=1&__proto__=x`), 200)
  })
})

describe('POST /texts', () => {
  it.each(['/texts', '/texts/'])('%s answers 201 and the id when the row is stored', async path => {
    const answer = await expectJson(await post(app.url + path, { text: 'a text' }), 201)
    expect(Object.keys(answer)).toEqual(['id'])
    expect(await app.sql('SELECT text FROM simple_text WHERE id = $1', [answer['id']])).toEqual([
      { text: 'a text' },
    ])
  })

  it('takes a JSON media type with parameters', async () => {
    const headers = { 'content-type': 'application/json; charset=utf-8' }
    await expectJson(await send('POST', `${app.url}/texts`, '{"text":"a"}', { headers }), 201)
  })

  it('takes a text as long as the body may be', async () => {
    const text = 'x'.repeat(1024 * 1024 - '{"text":""}'.length)
    const { id } = await expectJson(await post(`${app.url}/texts`, { text }), 201)
    expect(await app.sql('SELECT length(text) FROM simple_text WHERE id = $1', [id])).toEqual([
      { length: text.length },
    ])
    await expectProblem(await post(`${app.url}/texts`, { text: `${text}x` }), 413, 'body_too_large')
  })

  it.each([
    '{}',
    '{"text":null}',
    '{"text":1}',
    '{"text":true}',
    '{"text":["a"]}',
    '{"text":{}}',
    '{"Text":"a"}',
    '{"text":"a","id":1}',
    '[]',
    '[{"text":"a"}]',
    'null',
    'true',
    '1',
    '"text"',
  ])('refuses the body %s', async body => {
    await expectProblem(await send('POST', `${app.url}/texts`, body), 400, 'validation_failed')
  })

  it.each([
    '',
    ' ',
    '{',
    '{"text":"a"',
    '{"text":"a"}}',
    "{'text':'a'}",
    '{"text":"a",}',
    'text=a',
    '{"text":"\\x"}',
    '{"text":"line\nfeed"}',
    'NaN',
    '\u0000',
    '{"__proto__":{"text":"a"}}',
    '{"text":"a","constructor":{"prototype":{}}}',
  ])('cannot parse the body %j', async body => {
    await expectProblem(await send('POST', `${app.url}/texts`, body), 400, 'body_malformed')
  })

  it.each([
    ['a NUL character', '{"text":"a\\u0000b"}'],
    ['a lone high surrogate', '{"text":"a\\ud83d"}'],
    ['a lone low surrogate', '{"text":"\\udc00b"}'],
  ])('refuses %s, which PostgreSQL cannot store', async (_, body) => {
    await expectProblem(await send('POST', `${app.url}/texts`, body), 400, 'text_not_storable')
  })

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/x-ndjson',
    'application/xml',
    'application/jsonx',
    'nonsense',
    ';',
  ])('refuses the media type %s', async type => {
    const answer = await send('POST', `${app.url}/texts`, '{"text":"a"}', {
      headers: { 'content-type': type },
    })
    await expectProblem(answer, 415, 'media_type_unsupported')
  })

  it('refuses a body without a media type', async () => {
    const answer = await fetch(`${app.url}/texts`, { method: 'POST', body: new Uint8Array([123, 125]) })
    await expectProblem(answer, 415, 'media_type_unsupported')
  })

  it('refuses no body at all', async () => {
    await expectProblem(await fetch(`${app.url}/texts`, { method: 'POST' }), 400, 'validation_failed')
  })
})

describe('health', () => {
  it('lives and is ready', async () => {
    expect(await expectJson(await fetch(`${app.url}/livez`), 200)).toEqual({ status: 'ok' })
    expect(await expectJson(await fetch(`${app.url}/readyz`), 200)).toEqual({ status: 'ok' })
  })

  it('is not ready but lives, and serves, while it drains', async () => {
    const draining = await startApp({ isDraining: () => true })
    await expectProblem(await fetch(`${draining.url}/readyz`), 503, 'not_ready')
    await expectJson(await fetch(`${draining.url}/livez`), 200)
    await expectJson(await post(`${draining.url}/texts`, { text: 'a' }), 201)
  })
})

describe('tasks', () => {
  it('are created, read, replaced and removed', async () => {
    const created = await expectJson(await post(`${app.url}/tasks/`, { title: 'Write "tests"' }), 201)
    expect(created).toEqual({
      id: expect.any(Number),
      title: 'Write "tests"',
      done: false,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    })
    const url = `${app.url}/tasks/${created['id']}`
    expect(await expectJson(await fetch(url), 200)).toEqual(created)
    expect(await expectJson(await fetch(`${url}/`), 200)).toEqual(created)

    const changed = { ...created, title: 'Written', done: true }
    expect(await expectJson(await send('PUT', url, '{"title":"Written","done":true}'), 200)).toEqual(changed)
    expect(await expectJson(await fetch(url), 200)).toEqual(changed)

    const removed = await fetch(url, { method: 'DELETE' })
    expect([removed.status, await removed.text()]).toEqual([204, ''])
    await expectProblem(await fetch(url), 404, 'not_found')
    await expectProblem(await fetch(url, { method: 'DELETE' }), 404, 'not_found')
    await expectProblem(await send('PUT', url, '{"title":"x","done":true}'), 404, 'not_found')
  })

  it('count the characters of a title as PostgreSQL does', async () => {
    await expectJson(await post(`${app.url}/tasks/`, { title: '🙂'.repeat(200) }), 201)
    await expectProblem(
      await post(`${app.url}/tasks/`, { title: '🙂'.repeat(201) }),
      400,
      'validation_failed',
    )
  })

  it.each([
    '{}',
    '{"title":""}',
    `{"title":"${'x'.repeat(201)}"}`,
    '{"title":1}',
    '{"title":null}',
    '{"title":"a","done":true}',
    '{"title":"a","id":5}',
    'null',
    '[]',
  ])('refuse to be created from %s', async body => {
    await expectProblem(await send('POST', `${app.url}/tasks/`, body), 400, 'validation_failed')
  })

  it.each([
    '{"title":"a"}',
    '{"done":true}',
    '{"title":"a","done":"true"}',
    '{"title":"a","done":1}',
    '{"title":"","done":true}',
    '{"title":"a","done":true,"createdAt":"2020-01-01T00:00:00Z"}',
  ])('refuse to be replaced by %s', async body => {
    await expectProblem(await send('PUT', `${app.url}/tasks/1`, body), 400, 'validation_failed')
  })

  it('refuse titles that PostgreSQL cannot store', async () => {
    for (const title of ['a\\u0000', '\\ud800']) {
      const create = await send('POST', `${app.url}/tasks/`, `{"title":"${title}"}`)
      await expectProblem(create, 400, 'text_not_storable')
      const replace = await send('PUT', `${app.url}/tasks/1`, `{"title":"${title}","done":false}`)
      await expectProblem(replace, 400, 'text_not_storable')
    }
  })

  it.each([
    '0',
    '-1',
    '1.5',
    'abc',
    '9007199254740992',
    '99999999999999999999',
    'NaN',
    'null',
    '1%00',
    '1;2',
  ])('have no id %s', async id => {
    for (const method of ['GET', 'DELETE']) {
      const answer = await fetch(`${app.url}/tasks/${id}`, { method })
      await expectProblem(answer, 400, 'validation_failed')
    }
    const answer = await send('PUT', `${app.url}/tasks/${id}`, '{"title":"x","done":true}')
    await expectProblem(answer, 400, 'validation_failed')
  })

  it('are not there under the largest id', async () => {
    await expectProblem(await fetch(`${app.url}/tasks/${Number.MAX_SAFE_INTEGER}`), 404, 'not_found')
  })
})
