import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type CpuProfile, collapsed } from '../../deploy/docker/profiler.ts'
import { createDatabase } from '../helpers/database.ts'
import { start } from '../helpers/service.ts'

const node = (id: number, functionName: string, children: number[] = [], url = '') => ({
  id,
  callFrame: { functionName, url },
  children,
})

describe('collapsed', () => {
  const profile: CpuProfile = {
    nodes: [
      node(1, '(root)', [2, 5]),
      node(2, 'parse', [3, 4], 'file:///app/node_modules/pg/lib/parser.js'),
      node(3, '', [], 'file:///app/src/service/app.ts'),
      node(4, 'a;b'),
      node(5, '(idle)'),
    ],
    samples: [5, 5, 3, 2, 3, 4, 5],
    startTime: 0,
    endTime: 7000,
  }

  test('counts each stack by its innermost call, and leaves idle time out', () => {
    expect(collapsed(profile).split('\n')).toEqual([
      'parse pg/lib/parser.js 1',
      'parse pg/lib/parser.js;(anonymous) src/service/app.ts 2',
      // A semicolon separates frames.
      'parse pg/lib/parser.js;a,b 1',
    ])
  })

  test('is empty for a worker that did nothing', () => {
    expect(collapsed({ ...profile, samples: [5, 5] })).toBe('')
  })
})

test('hands the profiles of a real service to Pyroscope', async () => {
  const database = await createDatabase()
  onTestFinished(() => database.drop())
  const { adminPort, url } = await start(database.url)
  const received: { url: string | undefined; body: string }[] = []
  const pyroscope = createServer(async (request, response) => {
    received.push({ url: request.url, body: await text(request) })
    response.end()
  })
  await once(pyroscope.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    pyroscope.close()
  })
  const profiler = spawn(
    process.execPath,
    [fileURLToPath(new URL('../../deploy/docker/profiler.ts', import.meta.url))],
    {
      env: {
        ADMIN_URL: `http://127.0.0.1:${adminPort}`,
        PYROSCOPE_URL: `http://127.0.0.1:${(pyroscope.address() as AddressInfo).port}`,
        PROFILE_S: '1',
      },
      stdio: 'inherit',
    },
  )
  onTestFinished(() => {
    profiler.kill()
  })

  await expect
    .poll(
      async () => {
        await fetch(`${url}/test-insert`)
        return received.some(({ body }) => /src\/service\/.* \d+$/m.test(body))
      },
      { interval: 20 },
    )
    .toBe(true)
  const asked = new URL(received[0]?.url ?? '', 'http://x')
  expect(asked.pathname).toBe('/ingest')
  const { name, from, until, format, sampleRate } = Object.fromEntries(asked.searchParams)
  expect({ name, format }).toEqual({ name: 'insertlab{worker=0}', format: 'folded' })
  expect(Number(until) - Number(from)).toBeGreaterThanOrEqual(1)
  expect(Number(sampleRate)).toBeGreaterThan(0)
})
