import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Results } from '../../src/lab/results.ts'
import { labCli, runLab } from '../helpers/lab-command.ts'
import { resultsOf } from './analysis/results.ts'
import { figure, sample } from './analysis/samples.ts'
import { startStandIn } from './run/stand-in-bed.ts'

let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'insertlab-compare-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const lab = (...args: string[]) => runLab(args)

function stored(name: string, results: unknown): string {
  const path = join(folder, name)
  mkdirSync(path)
  writeFileSync(join(path, 'results.json'), JSON.stringify(results))
  return path
}

const at = (throughputPerS: number): Results =>
  resultsOf({ name: 'ping', samples: [sample({ throughputPerS: figure(throughputPerS) })] })

test('compare: by folder or by file; a result of another schema is refused', async () => {
  const [before, after] = [stored('before', at(1000)), stored('after', at(2000))]
  const { status, stdout } = await lab('compare', before, join(after, 'results.json'))
  expect(status).toBe(0)
  expect(stdout).toMatch(/throughput .*better/)
  const newer = await lab('compare', before, stored('newer', { ...at(1000), schema: 99 }))
  expect(newer.status).toBe(2)
  expect(newer.stderr).toContain('has schema 99, and this version of the lab reads 1')
})

test('compare: 2 where the results have no sample in common, and says what to do', async () => {
  const at = (label: string) => stored(label, resultsOf({ name: 'attach', samples: [sample({ label })] }))
  const { status, stdout } = await lab('compare', at('127.0.0.1:3111'), at('127.0.0.1:3112'))
  expect(status).toBe(2)
  expect(stdout).toContain('To compare two services, use "lab ab".')
})

test('assert: exit code and JUnit file, of a result that exists', async () => {
  const path = stored('asserted', at(1000))
  const held = await lab('assert', path, 'throughput>900', 'ping:p99Ms<50')
  expect(held).toMatchObject({ status: 0, stdout: expect.stringContaining('passed: throughput>900') })
  const broken = await lab('assert', path, 'throughput>900', 'throughput>1100')
  expect(broken.status).toBe(1)
  expect(broken.stdout).toContain('failed: throughput>1100: ping, prepared, 64 connections')
  expect(readFileSync(join(path, 'junit.xml'), 'utf8')).toContain('failures="1"')
})

test.each([
  [['run', 'ping', '--assert', 'speed>5'], '"speed" is no figure'],
  [['assert', 'results/latest'], 'assertion'],
  [['compare', 'results/latest'], 'after'],
])('2: %j, and says what is wrong', async (args, message) => {
  const { status, stderr } = await lab(...args)
  expect(status).toBe(2)
  expect(stderr).toContain(message)
})

test('run --assert, and a run that is killed', async () => {
  const service = await startStandIn()
  try {
    const out = join(folder, 'run')
    const args = ['run', 'ping', '--url', service.url, '--generator', 'undici', '--no-live']
    const timed = [...args, '--duration', '1', '--repeats', '1', '--out', out]
    const { status, stdout } = await lab(...timed, '--assert', 'errors<=0', '--assert', 'cpuPerRequestUs<1e9')
    // The CPU of a service that the lab did not start cannot be read, so that one is not met.
    expect(status).toBe(1)
    expect(stdout).toContain('passed: errors<=0')
    expect(stdout).toContain('not measurable: cpuPerRequestUs<1e9')
    expect(readFileSync(join(out, 'latest', 'junit.xml'), 'utf8')).toContain('errors="1"')

    const cut = join(folder, 'cut')
    const run = spawn(process.execPath, [labCli, ...args, '--out', cut], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    run.stdout.on('data', () => {
      if (existsSync(join(cut, 'latest', 'results.json'))) run.kill('SIGKILL')
    })
    await once(run, 'close')
    const again = await lab('report', join(cut, 'latest'))
    expect(again).toMatchObject({ status: 0, stderr: '' })
    expect(readFileSync(join(cut, 'latest', 'report.html'), 'utf8')).toContain('Incomplete run')
  } finally {
    await service.process.end()
  }
})
