import { globSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SummaryData } from '../../loadtests/lib/summary.ts'
import { type PostgresServer, startPostgres } from '../../src/lab/stack/embedded-postgres.ts'
import { type ServiceProcess, startService } from '../../src/lab/stack/service-process.ts'
import { available, repository, run } from '../programs.ts'

/** Each scenario in small, and what must be true of its figures. */
const short: Record<string, { env: Record<string, string>; code: number; says: RegExp }> = {
  smoke: { env: {}, code: 0, says: /Every route once/ },
  insert: { env: { VUS: '2', DURATION: '3s', P99_MS: '5000' }, code: 0, says: /2 users, 1 row a request/ },
  crud: {
    env: { VUS: '4', RAMP_UP: '1s', DURATION: '3s', THINK_MS: '20', P99_MS: '5000' },
    code: 0,
    says: /75 % reads/,
  },
  ramp: {
    env: { RATE_FROM: '20', RATE_TO: '60', STEPS: '3', STEP_DURATION: '2s', MAX_VUS: '50', P99_MS: '5000' },
    code: 0,
    says: /held up to 60\/s, the last step/,
  },
  tour: { env: { VUS: '4', PART: '1s', P99_MS: '5000' }, code: 0, says: /insert_10_rows +\d+\/s/ },
  connections: {
    env: { VUS: '8', ARRIVE_PER_S: '8', DURATION: '2s', KEEP_ALIVE: 'no', P99_MS: '5000' },
    code: 0,
    says: /keep-alive: no/,
  },
  spike: {
    env: { RATE: '20', PEAK: '100', QUIET: '2s', PEAK_DURATION: '2s', MAX_VUS: '50', P99_MS: '5000' },
    code: 0,
    says: /after +\d+\/s/,
  },
  soak: {
    env: { RATE: '20', DURATION: '10s', MAX_VUS: '20', P99_MS: '5000' },
    code: 0,
    says: /last_tenth +\d+\/s/,
  },
  background: { env: { DURATION: '4s', BACKGROUND_RATE: '40' }, code: 0, says: /checks_total/ },
}

describe.skipIf(!available('k6'))('k6', () => {
  let postgres: PostgresServer
  let service: ServiceProcess
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'insertlab-loadtests-'))
    postgres = await startPostgres()
    service = await startService({ databaseUrl: postgres.url })
  })
  afterAll(async () => {
    await service?.stop()
    await postgres?.stop()
    await rm(folder, { recursive: true })
  })

  const scenario = (name: string, env: Record<string, string>) =>
    run('k6', ['run', '--quiet', '--address', '127.0.0.1:0', `loadtests/${name}.ts`], {
      BASE_URL: service.url,
      SUMMARY_JSON: join(folder, `${name}.json`),
      K6_NO_USAGE_REPORT: 'true',
      ...env,
    })
  const figures = async (name: string): Promise<SummaryData> =>
    JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8'))

  test('every scenario is tried here', () => {
    const files = globSync('loadtests/*.ts', { cwd: repository }).map(file => file.replace(/.*\/|\.ts$/g, ''))
    expect(files.sort()).toEqual(Object.keys(short).sort())
  })

  test.each(Object.keys(short))('%s can be inspected, and gives its test an id', async name => {
    const { code, stdout, output } = await run('k6', ['inspect', `loadtests/${name}.ts`])
    expect(code, output).toBe(0)
    expect(JSON.parse(stdout).tags.testid).toMatch(new RegExp(`^${name}`))
  })

  test.each(Object.entries(short))('%s runs, and every check holds', async (name, { env, code, says }) => {
    const ended = await scenario(name, env)
    expect(ended.code, ended.output).toBe(code)
    expect(ended.output).toMatch(says)
    expect(ended.output).not.toMatch(/broken {3}|level=(error|warning)/)
    if (name === 'background') return
    const { metrics } = await figures(name)
    expect(metrics['http_reqs']?.values['count']).toBeGreaterThan(10)
    expect(metrics['checks']?.values['fails']).toBe(0)
  })

  test('ramp names the step at which the objective broke', async () => {
    const ended = await scenario('ramp', { ...short['ramp']?.env, P99_MS: '0.001', STEP_DURATION: '6s' })
    expect(ended.code, ended.output).toBe(99)
    expect(ended.output).toMatch(/broke at the first step, 20\/s: lower RATE_FROM/)
    expect(ended.output).not.toMatch(/60\/s {2}p99/)
  })

  test('a service that is not there is a failed test, not a fast one', async () => {
    const ended = await scenario('smoke', { BASE_URL: 'http://127.0.0.1:9' })
    expect(ended.code).not.toBe(0)
  })

  test.each([
    ['insert', { VUS: 'many' }, 'VUS must be a number above 0, not'],
    ['ramp', { STEPS: '2.5' }, 'STEPS must be a whole number, not'],
  ])('a wrong setting stops the test before it sends anything: %s %o', async (name, settings, says) => {
    const ended = await scenario(name, settings)
    expect(ended.code).not.toBe(0)
    expect(ended.output).toContain(says)
  })
})
