import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import type { Results } from '../../../src/lab/results.ts'
import { startStandIn } from '../run/stand-in-bed.ts'

const cli = fileURLToPath(new URL('../../../src/lab/cli.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'insertlab-attach-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function attach(...args: string[]) {
  const run = spawn(process.execPath, [cli, 'attach', ...args, '--out', folder, '--no-live'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, [status]] = await Promise.all([
    text(run.stdout),
    text(run.stderr),
    once(run, 'exit'),
  ])
  return { status: status as number | null, stdout, stderr }
}

test('2: --cwd that is no folder', async () => {
  for (const cwd of [join(folder, 'none'), cli]) {
    const run = await attach('--url', 'http://127.0.0.1:9', '--start', 'npm start', '--cwd', cwd)
    expect(run).toMatchObject({ status: 2, stderr: `--cwd ${cwd} is no folder\nCorrect --cwd.\n` })
  }
})

test('a service whose PostgreSQL is not named: the report says how to name it, and claims none', async () => {
  const { url, process: service } = await startStandIn()
  const short = ['--max-connections', '1', '--max-rate', '1', '--duration', '1', '--repeats', '1']
  const run = await attach('--url', url, '--path', '/ping/', ...short)
  await service.end()
  expect(run).toMatchObject({ status: 0, stderr: '' })
  const { manifest } = JSON.parse(readFileSync(join(folder, 'latest', 'results.json'), 'utf8')) as Results
  const unread =
    'PostgreSQL was not read. If the service uses one, name its server with --database postgresql://…'
  expect(run.stdout).toContain(unread)
  expect(manifest.warnings).toContain(unread)
  expect(manifest.warnings.join()).toMatch(/The service, the load generator .* share \d+ cores/)
})
