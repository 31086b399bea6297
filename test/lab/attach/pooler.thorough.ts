import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seeDatabase } from '../../../src/lab/attach/database-process.ts'
import { readResults } from '../../../src/lab/run/results-folder.ts'
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
    const direct = await seeDatabase(database.url)
    const seen = await seeDatabase(url)
    expect(seen).toMatchObject({ pid: direct.pid, url: null })
    expect(seen.unavailable.join()).toContain('statistics of PostgreSQL are out of reach')
  })

  test('is said on the screen and in the results, and the run goes on without its statistics', async () => {
    const url = await startPgBouncer({ databaseUrl: database.url, poolMode: 'transaction', poolSize: 2 })
    await using service = await startOddService('pool', { DATABASE_URL: url })
    const { code, output } = await run(process.execPath, [
      ...['src/lab/cli.ts', 'attach', '--url', service.url, '--database', url, '--max-connections', '4'],
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
