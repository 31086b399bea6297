import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Value } from 'typebox/value'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Results } from '../../src/lab/results.ts'
import { labCli, runLab } from '../helpers/lab-command.ts'
import { resultsOf } from './analysis/results.ts'
import { startStandIn } from './run/stand-in-bed.ts'

let folder = ''
let service: Awaited<ReturnType<typeof startStandIn>>

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'insertlab-cli-'))
  service = await startStandIn()
})
afterAll(async () => {
  await service.process.end()
  rmSync(folder, { recursive: true, force: true })
})

function lab(...args: string[]) {
  return labWith({}, ...args)
}

function labWith(env: Record<string, string>, ...args: string[]) {
  return runLab(args, { DATABASE_URL: '', ...env })
}

function resultsIn(out: string): unknown {
  return JSON.parse(readFileSync(join(out, 'latest', 'results.json'), 'utf8'))
}

describe.concurrent('exit codes', () => {
  test('3: load for a public address', async () => {
    const { status, stdout, stderr } = await lab('run', 'ping', '--url', 'http://192.0.2.1', '--no-live')
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' })
    expect(stderr).toContain('192.0.2.1 is neither loopback nor a private address')
  })

  test('2: steps of a stack that there is not', async () => {
    const { status, stderr } = await lab('run', 'peers', '--only', 'COBOL', '--no-live')
    expect(status).toBe(2)
    expect(stderr).toContain('no setting of peers has the value "COBOL"')
    expect(stderr).toContain('Fastify + Drizzle')
  })

  test('2: going on with a run that is complete', async () => {
    const file = join(folder, 'complete.json')
    writeFileSync(file, JSON.stringify(resultsOf({ name: 'peers' })))
    const { status, stderr } = await lab('run', 'peers', '--resume', file, '--no-live')
    expect(status).toBe(2)
    expect(stderr).toContain('complete.json is complete')
    expect(await lab('--resume', file, '--no-live')).toMatchObject({ status: 2, stderr })
  })

  test('2: an insert table of something else', async () => {
    const file = join(folder, 'ping.json')
    writeFileSync(file, JSON.stringify(resultsOf({ name: 'ping' })))
    const { status, stderr } = await lab('insert-table', file, '--out', folder)
    expect(status).toBe(2)
    expect(stderr).toContain('has no measurement of the experiment peers')
  })

  test('3: a database of the shell that is not on this machine', async () => {
    const DATABASE_URL = 'postgresql://me:hunter2@192.0.2.1/shop'
    const { status, stdout, stderr } = await labWith({ DATABASE_URL }, 'run', 'ping', '--no-live')
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' })
    expect(stderr).toContain('DATABASE_URL names a database on 192.0.2.1')
    expect(stderr).not.toContain('hunter2')
  })

  test('0: help, list', async () => {
    expect(await lab('--help')).toMatchObject({ status: 0 })
    const { status, stdout } = await lab('list')
    expect(status).toBe(0)
    for (const name of ['ping', 'insert-cost', 'observability-price']) expect(stdout).toContain(`${name} (`)
  })

  test.each([
    [['run', 'nothing-like-it'], 'There are: ping, '],
    [['run'], 'experiment'],
    [['run', 'ping', '--duration', '0'], 'seconds from 1'],
    [['run', 'ping', '--repeats', '1.5'], 'whole number'],
    [['run', 'ping', '--generator', 'hammer'], 'k6, undici, wrk'],
    [['attach', '--url', 'http://127.0.0.1', '--generator', 'hammer'], 'k6, undici, wrk'],
    [['attach', '--url', 'http://127.0.0.1', '--method', 'HEAD'], 'GET, POST, PUT, PATCH'],
    [['run', 'ping', '--url', 'nowhere'], 'URL'],
    [['report', '/nowhere'], '/nowhere/results.json cannot be read'],
    [['--no-such-option'], 'unknown option'],
  ])('2: %j, and says what is wrong', async (args, message) => {
    const { status, stderr } = await lab(...args)
    expect(status).toBe(2)
    expect(stderr).toContain(message)
    expect(stderr).not.toContain('    at ')
  })

  test('2: a file that is no result', async () => {
    const file = join(folder, 'other.json')
    writeFileSync(file, '{"schema":1}')
    expect(await lab('report', file)).toMatchObject({ status: 2 })
  })

  test('3: nothing answers, in one line with its remedy and no stack trace', async () => {
    const { status, stderr } = await lab('run', 'ping', '--url', 'http://127.0.0.1:9', '--out', folder)
    expect(status).toBe(3)
    expect(stderr.trim().split('\n')).toHaveLength(2)
    expect(stderr).toContain('nothing answers at http://127.0.0.1:9')
  })
})

test('run: results that fit their schema, a report, a link to the latest, a diagnosis on the screen', async () => {
  const out = join(folder, 'whole')
  const { status, stdout } = await lab(
    ...['run', 'ping', '--url', service.url, '--generator', 'undici'],
    ...['--duration', '1', '--repeats', '1', '--out', out],
  )
  expect(status).toBe(0)
  const results = resultsIn(out)
  expect([...Value.Errors(Results, results)]).toEqual([])
  expect(results).toMatchObject({ complete: true, experiments: [{ name: 'ping', finding: null }] })
  expect(readlinkSync(join(out, 'latest'))).toMatch(/^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-ping$/)
  expect(readdirSync(join(out, 'latest')).sort()).toEqual([
    'measured-steps.jsonl',
    'report.html',
    'results.json',
  ])
  expect(stdout).toContain('first load: ')
  expect(stdout).toMatch(/ping: .+\n(.+\n)+step +load +requests\/s/)
  expect(stdout).toContain('report.html')

  const again = await lab('report', join(out, 'latest'))
  expect(again.status).toBe(0)
  expect(again.stdout).toContain('report.html')
})

test('130: Ctrl-C leaves what was measured, marked incomplete', async () => {
  const out = join(folder, 'cut')
  const args = ['run', 'ping', '--url', service.url, '--generator', 'undici', '--duration', '1', '--out', out]
  const run = spawn(process.execPath, [labCli, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let stdout = ''
  let interrupted = false
  run.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk
    // After the first step, in the middle of the second. Once: a second Ctrl-C ends the lab without its clean-up.
    if (interrupted || !stdout.includes('%] ping:')) return
    interrupted = run.kill('SIGINT')
  })
  const [code] = await once(run, 'close')
  expect(code).toBe(130)
  expect(stdout).toContain('interrupted')
  expect(stdout).toMatch(/^Go on with the same command and --resume \S*\/cut\/[^/\s]+-ping$/m)
  const results = resultsIn(out)
  expect(Value.Check(Results, results)).toBe(true)
  expect(results).toMatchObject({ complete: false, experiments: [{ name: 'ping' }] })
  expect(await lab('report', join(out, 'latest'))).toMatchObject({ status: 0 })
})
