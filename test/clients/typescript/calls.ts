// Makes every call of the service through a client whose types openapi-typescript generated: node calls.ts URL
import assert from 'node:assert/strict'
import createClient from 'openapi-fetch'
import type { paths } from './schema.ts'

const client = createClient<paths>({ baseUrl: process.argv[2] })

const ping = await client.GET('/ping/')
assert.equal(ping.data?.ping, 'pong')

const inserted = await client.GET('/test-insert', { params: { query: { rows: 2, strategy: 'prepared' } } })
assert.equal(inserted.data?.ids?.length, 2)
const byDefault = await client.GET('/test-insert')
assert.equal(typeof byDefault.data?.id, 'number')

const text = await client.POST('/texts', { body: { text: 'from a generated client' } })
assert.equal(typeof text.data?.id, 'number')

const texts = await client.POST('/texts/bulk', {
  body: [{ text: 'first' }, { text: 'second' }],
  headers: { 'content-type': 'application/x-ndjson' },
  bodySerializer: lines => lines.map(line => `${JSON.stringify(line)}\n`).join(''),
})
assert.equal(texts.data?.count, 2)

const created = await client.POST('/tasks/', { body: { title: 'write the report' } })
assert.ok(created.data)
const { id } = created.data
const path = { id }

const replaced = await client.PUT('/tasks/{id}', { params: { path }, body: { title: 'send it', done: true } })
assert.equal(replaced.data?.done, true)
const read = await client.GET('/tasks/{id}', { params: { path } })
assert.deepEqual(read.data, replaced.data)
const page = await client.GET('/tasks/', { params: { query: { limit: 1 } } })
assert.deepEqual(page.data, { items: [read.data], next: null })
const removed = await client.DELETE('/tasks/{id}', { params: { path } })
assert.equal(removed.response.status, 204)

const gone = await client.GET('/tasks/{id}', { params: { path } })
assert.equal(gone.error?.code, 'not_found')

assert.equal((await client.GET('/livez')).response.status, 200)
assert.equal((await client.GET('/readyz')).data?.status, 'ok')
console.log('all calls are right')
