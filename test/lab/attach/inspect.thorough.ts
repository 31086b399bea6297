import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { loopbackPortsOf } from '../../../src/lab/probes/sockets.ts'
import { readResults } from '../../../src/lab/run/results-folder.ts'
import { findFreePort } from '../../../src/lab/stack/free-port.ts'
import { spawnGuarded } from '../../../src/lab/stack/janitor.ts'
import { waitUntilReady } from '../../../src/lab/stack/service-process.ts'
import { startOddService } from '../../fixtures/start-odd-service.ts'
import { available, pathOf, repository, run } from '../../programs.ts'

const folder = mkdtempSync(join(tmpdir(), 'inspect-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** `attach --inspect` from the command line: the layers of the profiled step, us, and their sum. */
async function inspect(url: string, args: readonly string[], env: Record<string, string> = {}) {
  const out = mkdtempSync(join(folder, 'results-'))
  const { code, output } = await run(
    process.execPath,
    [
      ...['src/lab/cli.ts', 'attach', '--url', url, '--inspect', '--out', out, '--no-live', ...args],
      ...['--max-connections', '4', '--duration', '1', '--repeats', '1', '--max-rate', '20'],
      ...['--generator', 'undici'],
    ],
    env,
  )
  expect(code, output).toBe(0)
  const { experiments } = readResults(join(out, 'latest')).results
  const layersUs = experiments[0]?.samples.find(one => one.layersUs !== undefined)?.layersUs ?? {}
  const totalUs = Object.values(layersUs).reduce((sum, { median }) => sum + median, 0)
  return { output, shareOf: (layer: string) => (layersUs[layer]?.median ?? 0) / totalUs }
}

test('a Node service that runs already is profiled by its pid, and its inspector closed again', async () => {
  await using service = await startOddService('burn')
  const { pid } = service.process
  const before = loopbackPortsOf(pid)
  const { shareOf } = await inspect(service.url, ['--pid', String(pid)])
  expect(shareOf('own code: test/fixtures/')).toBeGreaterThan(0.5)
  await expect.poll(() => loopbackPortsOf(pid)).toEqual(before)
})

const server = `import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from shop.prices import total

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = str(total()).encode()
        self.send_response(200)
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

HTTPServer(('127.0.0.1', int(os.environ['PORT'])), Handler).serve_forever()
`

test.skipIf(!available('python3'))('a Python service that runs already is profiled by py-spy', async () => {
  const python = pathOf('python3') ?? ''
  const url = `http://127.0.0.1:${await findFreePort()}`
  mkdirSync(join(folder, 'shop'))
  writeFileSync(join(folder, 'server.py'), server)
  writeFileSync(
    join(folder, 'shop/prices.py'),
    'def total():\n    return sum(n * n for n in range(100_000))\n',
  )
  const environment = join(folder, 'environment')
  expect((await run(python, ['-m', 'venv', environment])).code).toBe(0)
  const programs = join(environment, 'bin')
  const service = await spawnGuarded(join(programs, 'python'), [join(folder, 'server.py')], {
    env: { PORT: new URL(url).port },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  try {
    expect(await waitUntilReady(url, service, AbortSignal.timeout(30_000))).toBe('ready')
    const without = await inspect(url, [], { PATH: join(repository, 'none') })
    expect(without.output).toContain(
      'No profile: py-spy is not installed. Install it with: pip install py-spy',
    )

    const pinned = join(repository, 'deploy/peers/fastapi/profiler.txt')
    const installed = await run(join(programs, 'pip'), ['install', '--quiet', '--requirement', pinned])
    expect(installed.code, installed.output).toBe(0)
    const { shareOf } = await inspect(url, [], { PATH: [programs, process.env['PATH']].join(delimiter) })
    expect(shareOf('own code: shop/')).toBeGreaterThan(0.5)
  } finally {
    await service.end()
  }
})
