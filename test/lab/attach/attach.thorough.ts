import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { ExperimentResult, Results } from '../../../src/lab/results.ts'
import { readResults } from '../../../src/lab/run/results-folder.ts'
import { findFreePort } from '../../../src/lab/stack/free-port.ts'
import { startOddService } from '../../fixtures/start-odd-service.ts'
import { startSharing } from '../../fixtures/start-sharing-service.ts'
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
  const short = ['--duration', '1', '--repeats', '1', '--out', out, '--no-live', '--generator', 'undici']
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

test('a service that takes each name once, also in a second run', async () => {
  await using service = await startOddService('unique')
  for (const generator of ['undici', 'k6']) {
    const few = ['--max-connections', '8', '--generator', generator, '--max-errors', '0']
    const { code, output, result } = await attach(
      `${service.url}/users`,
      ...few,
      '--body',
      '{"name":"user {n}"}',
    )
    expect(code, output).toBe(0)
    expect(result?.samples.every(({ errors }) => errors.ratio.high === 0)).toBe(true)
    expect(result?.question).toContain('POST /users')
  }
})

test('a service with several processes that have no parent in common', async () => {
  const port = await findFreePort()
  await using one = await startSharing('reuse-port', port)
  await using other = await startSharing('reuse-port', port)
  const { code, output, result } = await attach(`http://127.0.0.1:${port}`, '--max-connections', '16')
  expect(code, output).toBe(0)
  expect(output).toMatch(/^service: node \(pid \d+\), node \(pid \d+\)$/m)
  for (const { pid } of [one, other]) expect(output).toContain(`(pid ${pid})`)
  expect(result?.samples[0]?.cpuPerRequestUs.api).not.toBeNull()
})

test('a service whose process is not sure: the report says so, and how to name it', async () => {
  const port = await findFreePort()
  await using service = await startSharing('handing-out', port, { argv0: 'PM2 v6.0.5: God Daemon' })
  const url = `http://127.0.0.1:${port}`
  const { output, results, result } = await attach(url, '--max-connections', '4')
  const unknown = `CPU of the service is unknown, because its socket belongs to PM2 v6.0.5 (pid ${service.pid}), which starts other programs too. Name its process with --pid.`
  expect(output).toContain(unknown)
  expect(results?.manifest.warnings).toContain(unknown)
  expect(result?.verdict.causes[0]?.evidence[0]).toBe(unknown)
  expect(result?.verdict.limit).not.toBe('load-generator')
  const named = await attach(url, '--max-connections', '4', '--pid', String(service.pid))
  expect(named.result?.samples[0]?.cpuPerRequestUs.api?.median).toBeGreaterThan(0)
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

  test('limiting the rate: the status, and what to do about it', async () => {
    await using service = await startOddService('limiting')
    const { code, output } = await attach(service.url)
    expect(code).toBe(3)
    expect(output).toMatch(/stopped: \d+ % of the requests of ".*" failed: 429 \d+ %|answers 429 to GET \//)
    expect(output).toContain('lower --max-connections and --max-rate')
  })

  test('asking who is there', async () => {
    await using service = await startOddService('unauthorised')
    const { code, output, results } = await attach(service.url)
    expect(code).toBe(3)
    expect(output).toContain(
      `${service.url} answers 401 to GET /\nSay who you are: --header "authorization: Bearer …".`,
    )
    expect(results).toBeNull()
    const known = await attach(
      service.url,
      '--max-connections',
      '2',
      '--header',
      'authorization: Bearer right',
    )
    expect(known.code, known.output).toBe(0)
  })

  test('having moved', async () => {
    await using service = await startOddService('redirecting')
    const { code, output } = await attach(service.url)
    expect(code).toBe(3)
    expect(output).toContain(
      'answers 301 to GET /\nIt leads to /moved/, and the load does not follow redirects',
    )
    const moved = await attach(`${service.url}/moved/`, '--max-connections', '2')
    expect(moved.code, moved.output).toBe(0)
  })

  test('a public address is not loaded', async () => {
    const { code, output } = await attach('http://192.0.2.1:8000')
    expect(code).toBe(3)
    expect(output).toContain('192.0.2.1 is neither loopback nor a private address')
  })
})
