import { createServer, type RequestListener } from 'node:http'
import { expect, test } from 'vitest'
import { requireSuccess } from '../../../src/lab/load/first-request.ts'
import { findFreePort } from '../../../src/lab/stack/free-port.ts'
import { listening } from '../../helpers/listening.ts'

const { signal } = new AbortController()

const serving = (listener: RequestListener) => listening(createServer(listener))

test('is content with any 2xx, and asks as the load will', async () => {
  const seen: string[] = []
  await using service = await serving((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers['x-key']}`)
    response.writeHead(201).end()
  })
  await requireSuccess(
    service.url,
    { method: 'POST', path: '/things/{n}', headers: { 'x-key': 'a' } },
    signal,
  )
  expect(seen).toEqual([expect.stringMatching(/^POST \/things\/\d+ a$/)])
})

test.each([500, 404, 302])('an answer of %i is no target', async status => {
  await using service = await serving((_, response) => {
    response.writeHead(status, { location: '/elsewhere' }).end()
  })
  await expect(requireSuccess(service.url, { path: '/' }, signal)).rejects.toMatchObject({
    code: 'LAB_TARGET',
    message: `${service.url} answers ${status} to GET /`,
    remedy: expect.stringContaining(status === 302 ? 'It leads to /elsewhere' : '--url'),
  })
})

test.each([
  [401, '--header "authorization'],
  [429, 'lower --max-connections'],
  [405, '--method'],
])('an answer of %i says what to do', async (status, remedy) => {
  await using service = await serving((_, response) => {
    response.writeHead(status).end()
  })
  await expect(requireSuccess(service.url, { path: '/' }, signal)).rejects.toMatchObject({
    remedy: expect.stringContaining(remedy),
  })
})

test('an answer that is only announced is waited for', async () => {
  await using service = await serving((_, response) => {
    response.writeEarlyHints({ link: '</a.css>; rel=preload' })
    response.end('ok')
  })
  await expect(requireSuccess(service.url, { path: '/' }, signal)).resolves.toBeUndefined()
})

test('refuses at once an address on which no process listens', async () => {
  const url = `http://127.0.0.1:${await findFreePort()}`
  await expect(requireSuccess(url, { path: '/' }, signal)).rejects.toMatchObject({
    code: 'LAB_TARGET',
    message: expect.stringContaining('ECONNREFUSED'),
  })
})

test('no answer is not waited for without end', async () => {
  await using service = await serving(() => {})
  await expect(requireSuccess(service.url, { path: '/slow' }, signal)).rejects.toMatchObject({
    message: `${service.url} does not answer GET /slow within 5 s`,
  })
})
