import { describe, expect, test } from 'vitest'
import { isPackageName, partOf, relativeTo, serviceFolder } from '../../../src/lab/analysis/packages.ts'
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
    ['./src/routes/items.js', 'own code: src/routes/'],
    ['./src/routes/v1/items.js', 'own code: src/routes/'],
    ['./src/app.js', 'own code: src/'],
    ['./server.js', 'own code: ./'],
    ['file:///elsewhere/shared.js', 'other code'],
    ['wasm://wasm/0f1a2b3c', ''],
    ['', ''],
  ])('%s: %s', (url, part) => {
    expect(partOf(url)).toBe(part)
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

test('the folder of a service is where its packages are installed, those of a package apart', () => {
  const folderOf = (...urls: string[]) =>
    serviceFolder(profileOf({ [urls.map(url => `a@@${url}`).join(' > ')]: 1 }))
  const nested = 'file:///srv/shop/node_modules/knex/node_modules/pg/index.js'
  expect(folderOf('node:net', nested, 'file:///srv/shop/src/a.js')).toBe('file:///srv/shop')
  expect(folderOf('node:net', 'file:///srv/shop/src/a.js')).toBeNull()
})
