import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readResults } from '../../../src/lab/run/results-folder.ts'
import { seeDatabase } from '../../../src/lab/run/seen-database.ts'
import { startPgBouncer } from '../../deploy/pgbouncer.ts'
import { startOddService } from '../../fixtures/start-odd-service.ts'
import { createDatabase } from '../../helpers/database.ts'
import { available, run } from '../../programs.ts'

describe.skipIf(!available('pgbouncer'))('--database that leads to PgBouncer', () => {
  let database: Awaited<ReturnType<typeof createDatabase>>
  const folder = mkdtempSync(join(tmpdir(), 'attach-pooler-'))

  beforeAll(async () => {
    database = await createDatabase()
  })
  afterAll(async () => {
    await database.drop()
    rmSync(folder, { recursive: true })
  })

  test.each([
    ['session', 'extra_float_digits'],
    ['transaction', 'extra_float_digits'],
    ['session', 'extra_float_digits,options'],
    ['transaction', 'extra_float_digits,options'],
  ] as const)('is known in %s mode, where it ignores %s', async (poolMode, ignores) => {
    const url = await startPgBouncer({ databaseUrl: database.url, poolMode, poolSize: 2, ignores })
    const direct = await seeDatabase(database.url, '--database')
    const seen = await seeDatabase(url, '--database')
    expect(seen).toMatchObject({ pid: direct.pid, url: null })
    expect(seen.unavailable.join()).toContain('statistics of PostgreSQL are out of reach')
  })

  test.each([
    ['attach', ['attach', '--max-connections', '4', '--database']],
    ['run --url', ['run', 'ping', '--database-url']],
  ])('is said on the screen and in the results of %s, without its statistics', async (_, command) => {
    const url = await startPgBouncer({ databaseUrl: database.url, poolMode: 'transaction', poolSize: 2 })
    await using service = await startOddService('pool', { DATABASE_URL: url })
    const { code, output } = await run(process.execPath, [
      ...['src/lab/cli.ts', ...command, url, '--url', service.url],
      ...['--duration', '1', '--repeats', '1', '--out', folder, '--no-live', '--generator', 'undici'],
    ])
    expect(code, output).toBe(0)
    expect(output).toContain('statistics of PostgreSQL are out of reach')
    const { manifest, experiments } = readResults(join(folder, 'latest')).results
    expect(manifest.warnings.join()).toContain('statistics of PostgreSQL are out of reach')
    const samples = experiments.flatMap(experiment => experiment.samples)
    expect(samples.length).toBeGreaterThan(0)
    expect(samples.filter(({ postgres }) => postgres !== undefined)).toEqual([])
  })
})
