import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Results } from '../../../src/lab/results.ts'
import { labCli, runLab } from '../../helpers/lab-command.ts'
import { startStandIn } from '../run/stand-in-bed.ts'

const folder = mkdtempSync(join(tmpdir(), 'insertlab-attach-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const attach = (...args: string[]) => runLab(['attach', ...args, '--out', folder, '--no-live'])

test('2: --cwd that is no folder', async () => {
  for (const cwd of [join(folder, 'none'), labCli]) {
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
