import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { ExperimentResult, Results } from '../../../src/lab/results.ts'
import { readResults } from '../../../src/lab/run/results-folder.ts'
import { findFreePort } from '../../../src/lab/stack/free-port.ts'
import { startOddService } from '../../fixtures/start-odd-service.ts'
import { createDatabase } from '../../helpers/database.ts'
import { type Ended, run } from '../../programs.ts'

const folder = mkdtempSync(join(tmpdir(), 'attach-'))
afterAll(() => rmSync(folder, { recursive: true }))

let runs = 0

interface Attached extends Ended {
  results: Results | null
  result: ExperimentResult | undefined
}

/** Runs the command as a person would, with the shortest steps. */
async function attach(url: string, ...args: string[]): Promise<Attached> {
  const out = join(folder, String(runs++))
  const short = ['--duration', '1', '--repeats', '1', '--out', out, '--no-live', '--generator', 'autocannon']
  const ended = await run(process.execPath, ['src/lab/cli.ts', 'attach', '--url', url, ...short, ...args])
  const results =
    ended.output.includes('report: ') || ended.output.includes('until then: ') ? read(out) : null
  return { ...ended, results, result: results?.experiments[0] }
}

function read(out: string): Results {
  return readResults(join(out, 'latest')).results
}

/** A machine that is busy with other work is a limit of its own, which the diagnosis must name before the service's. */
function expectLimit({ result, output }: Attached, limit: string | RegExp): void {
  const { causes = [], limit: named } = result?.verdict ?? {}
  const isBusyMachine = named === 'environment' || named === 'host-cpu'
  const diagnosed = causes.slice(0, isBusyMachine ? causes.length : 1).map(cause => cause.limit)
  expect(diagnosed.join(', '), output).toMatch(limit)
}

describe('names what limits a stranger', () => {
  test('a semaphore of eight around a wait of 50 ms', async () => {
    await using service = await startOddService('semaphore')
    const attached = await attach(service.url, '--max-connections', '64')
    expect(attached.code, attached.output).toBe(0)
    expectLimit(attached, 'external-wait')
    // Eight at a time, 50 ms each, are 160 a second; on a slow machine fewer.
    const best = Math.max(...(attached.result?.samples ?? []).map(one => one.throughputPerS.median))
    expect(best).toBeLessThan(175)
    expect(attached.result?.samples.some(({ load }) => load.mode !== 'closed')).toBe(true)
    expect(attached.results?.complete).toBe(true)
  })

  test('CPU burned in the handler, on the process that the port tells', async () => {
    await using service = await startOddService('burn')
    const attached = await attach(service.url, '--max-connections', '8')
    expectLimit(attached, 'api-cpu')
    const [lone] = attached.result?.samples ?? []
    expect(lone?.cpuPerRequestUs.api?.median).toBeGreaterThan(1900)
  })

  test('a pool of two connections, seen in the database', async () => {
    // Of its own, so that every session in it is the service's.
    const { url: databaseUrl, drop } = await createDatabase()
    await using stack = new AsyncDisposableStack()
    stack.defer(drop)
    const service = stack.use(await startOddService('pool', { DATABASE_URL: databaseUrl }))
    const attached = await attach(service.url, '--max-connections', '32', '--database', databaseUrl)
    // Where the service gets a core late, its sessions idle between two statements, and it is a wait of some kind.
    expectLimit(attached, /connection-pool|external-wait/)
    // Somebody will show the results around.
    expect(JSON.stringify(attached.results)).not.toContain(new URL(databaseUrl).password)
  })
})

describe('a target in trouble ends it soon, with a clear line and what was measured', () => {
  test('refusing', async () => {
    const url = `http://127.0.0.1:${await findFreePort()}`
    const { code, output, results } = await attach(url)
    expect(code).toBe(3)
    expect(output).toContain(`${url} does not answer: connect ECONNREFUSED`)
    expect(results).toBeNull()
  })

  test('answering 500', async () => {
    await using service = await startOddService('failing')
    const { code, output, results } = await attach(service.url)
    expect(code).toBe(3)
    expect(output).toMatch(/stopped: \d+ % of the requests of ".*, \d+ connections?" failed/)
    expect(results).toMatchObject({ complete: false, experiments: [{ name: 'attach' }] })
  })

  test('hanging', async () => {
    await using service = await startOddService('hanging')
    const { code, output, results } = await attach(service.url)
    expect(code).toBe(3)
    expect(output).toMatch(/stopped: ".*" got no answer|does not answer GET \/ within 5 s/)
    expect(results?.complete).toBe(false)
  })

  test('dying in the middle', async () => {
    await using service = await startOddService('dying')
    const { code, output, results } = await attach(service.url)
    expect(code).toBe(3)
    expect(output).toMatch(/stopped: .* failed|stopped: .* got no answer|does not answer: /)
    expect(results?.complete).toBe(false)
    expect((await service.process.ended).code).toBe(1)
  })

  test('a public address is not loaded', async () => {
    const { code, output } = await attach('http://192.0.2.1:8000')
    expect(code).toBe(3)
    expect(output).toContain('192.0.2.1 is neither loopback nor a private address')
  })
})
