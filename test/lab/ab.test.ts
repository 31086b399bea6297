import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Value } from 'typebox/value'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Results } from '../../src/lab/results.ts'
import { findFreePort } from '../../src/lab/stack/free-port.ts'
import { runLab } from '../helpers/lab-command.ts'
import { startStandIn } from './run/stand-in-bed.ts'

const standIn = fileURLToPath(new URL('stand-in.ts', import.meta.url))
let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'insertlab-ab-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function ab(...args: string[]) {
  return abWith('postgresql://127.0.0.1/not-asked', ...args)
}

function abWith(databaseUrl: string, ...args: string[]) {
  return runLab(['ab', ...args, '--out', folder, '--no-live'], { DATABASE_URL: databaseUrl })
}

const short = ['--windows', '3', '--window', '1', '--warm-up', '1', '--connections', '4']

test('compares a service that runs with one that it starts, pair of windows by pair', async () => {
  const cheap = await startStandIn({ BURN_US: '100' })
  const dear = `BURN_US=1000 ${process.execPath} ${standIn}`
  // Without a database of its own to pass on, the lab starts one.
  const run = await abWith('', '--a', cheap.url, '--b', dear, '--path', '/items/{n}', ...short)
  await cheap.process.end()
  expect(run.stderr).toBe('')
  expect(run.status).toBe(0)
  expect(run.stdout).toMatch(/CPU per request over the control's: median .* by pair of windows \d/)

  const results: unknown = JSON.parse(readFileSync(join(folder, 'latest', 'results.json'), 'utf8'))
  expect([...Value.Errors(Results, results)]).toEqual([])
  const [sample] = (results as Results).experiments[0]?.samples ?? []
  // The lab's server is not that of the service at the URL.
  expect(sample?.utilisation.database).toBeNull()
  expect(sample?.postgres).toBeUndefined()
  expect((results as Results).manifest.warnings).toContain(
    'PostgreSQL is not read, because A was not started by the lab.',
  )
  expect(sample?.throughputPerS.values).toHaveLength(3)
  expect(sample?.besidePerS?.values).toHaveLength(3)
  // Ten times the work, of which the machine's noise hides little.
  expect(sample?.cpuPerRequestUs.api?.low).toBeGreaterThan(2 * (sample?.besideUs?.high ?? Number.NaN))
  expect(readFileSync(join(folder, 'latest', 'report.html'), 'utf8')).toContain('Each pair of windows of')
})

test('says that PostgreSQL is not read where the services use the server that DATABASE_URL names', async () => {
  const command = `${process.execPath} ${standIn}`
  const run = await ab('--a', command, '--b', command, '--path', '/ping/', ...short)
  expect(run).toMatchObject({ status: 0, stderr: '' })
  const sentence = 'PostgreSQL is not read, because its server was not started by the lab.'
  expect(run.stdout).toContain(`\n${sentence}\n`)
  const results = JSON.parse(readFileSync(join(folder, 'latest', 'results.json'), 'utf8')) as Results
  expect(results.manifest.warnings).toContain(sentence)
})

test('3: a command that starts no service, and an address that is not the user’s own', async () => {
  const ended = await ab('--a', 'echo no service here; exit 7', '--b', 'http://127.0.0.1:9', ...short)
  expect(ended).toMatchObject({ status: 3, stderr: expect.stringContaining('no service here') })
  const foreign = await ab('--a', 'http://192.0.2.1', '--b', 'http://127.0.0.1:9', ...short)
  expect(foreign).toMatchObject({
    status: 3,
    stderr: expect.stringContaining('neither loopback nor a private'),
  })
})

test('3: a service that does not answer the request with success gets no load', async () => {
  const { url, process: service } = await startStandIn()
  const missing = await ab('--a', url, '--b', url, '--path', '/nope', ...short)
  expect(missing).toMatchObject({
    status: 3,
    stderr: 'A answers 404 to GET /nope\nCorrect --a or --path.\n',
  })
  const nobody = `http://127.0.0.1:${await findFreePort()}`
  const dead = await ab('--a', url, '--b', nobody, '--path', '/ping/', ...short)
  await service.end()
  expect(dead).toMatchObject({ status: 3, stderr: expect.stringContaining('B does not answer: ') })
  expect(dead.stderr).toContain('\nCorrect --b or --path.\n')
})
