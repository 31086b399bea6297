import { describe, expect, test } from 'vitest'
import { foldLayers, layeredCalls } from '../../../src/lab/analysis/cpu-layers.ts'
import { isPackageName, packageOf, relativeTo } from '../../../src/lab/analysis/packages.ts'
import { profileOf } from './profiles.ts'

describe('the part of a program that a file belongs to', () => {
  test.each([
    ['./node_modules/pg/lib/client.js', 'pg'],
    ['file:///srv/node_modules/@nestjs/core/router.js', '@nestjs/core'],
    ['./node_modules/knex/node_modules/pg-connection-string/index.js', 'pg-connection-string'],
    ['file:///srv/node_modules/.pnpm/pg@8.1.0/node_modules/pg/lib/client.js', 'pg'],
    ['node:_http_outgoing', 'node:http'],
    ['node:internal/streams/writable', 'node:stream'],
    ['node:internal/stream_base_commons', 'node:net'],
    ['node:internal/timers', 'node:timers'],
    ['node:internal/process/task_queues', 'node: shared code'],
    ['node:events', 'node:events'],
    ['./src/routes/items.js', 'own code: src/'],
    ['./server.js', 'own code: ./'],
    ['file:///elsewhere/shared.js', 'other code'],
    ['wasm://wasm/0f1a2b3c', ''],
    ['', ''],
  ])('%s: %s', (url, part) => {
    expect(packageOf(url)).toBe(part)
    if (part !== '') expect(isPackageName(part)).toBe(url.includes('node_modules'))
  })
})

test('files are named from the folder of the service, also those of CommonJS and with a space in the path', () => {
  const profile = profileOf({
    'a@@file:///srv/my%20app/src/a.js > b@@/srv/my app/b.js > c@@file:///srv/my%20apple/c.js > d@@node:net': 1,
  })
  const urls = relativeTo(profile, 'file:///srv/my%20app').nodes.map(({ callFrame }) => callFrame.url)
  expect(urls).toEqual(['', './src/a.js', './b.js', 'file:///srv/my%20apple/c.js', 'node:net'])
})

describe('layers by package', () => {
  const handler = 'work@@./src/work.js'
  const query = 'query@@./node_modules/pg/lib/client.js'
  function layerOf(stack: string): string | undefined {
    const shares = foldLayers(layeredCalls([profileOf({ [stack]: 1 })], 'packages'), null)?.shares
    return [...(shares ?? [])].find(([, share]) => share === 1)?.[0]
  }

  test.each([
    [`${handler} > ${query}`, 'pg'],
    [`${handler} > parse@@`, 'own code: src/'],
    [`${query} > wasm-function[7]@@wasm://wasm/0f1a2b3c`, 'pg'],
    [`${query} > threadCpuUsage@@node:internal/process/per_thread > threadCpuUsage@@`, 'pg'],
    [`${query} > write@@node:net > writeUtf8String@@`, 'kernel: socket writes'],
    [`${handler} > end@@node:_http_outgoing`, 'node:http'],
    ['(garbage collector)', 'garbage collector'],
    ['(program)', 'kernel: receiving, HTTP parser'],
  ])('%s: %s', (stack, layer) => {
    expect(layerOf(stack)).toBe(layer)
  })
})
