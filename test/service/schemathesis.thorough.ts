import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createDatabase } from '../helpers/database.ts'
import { start } from '../helpers/service.ts'
import { available, pathOf, repository, run } from '../programs.ts'

/**
 * schemathesis makes requests from the OpenAPI document, right ones and wrong ones, and holds the answers against it:
 * `pip install schemathesis==4.32.5`. SCHEMATHESIS_EXAMPLES=750 makes more than 5,000 requests, in some minutes.
 */
const examples = process.env['SCHEMATHESIS_EXAMPLES'] ?? '100'
const seed = process.env['SCHEMATHESIS_SEED'] ?? '1'
const files = join(repository, 'test/service/schemathesis')

interface Report {
  complete: boolean
  operations: { total: number; tested: number }
  phases: Record<string, { status: string }>
  test_cases: { generated: number; errored: number }
  failures: unknown[]
  errors: unknown[]
}

test.skipIf(!available('schemathesis'))('the service answers as its OpenAPI document says', async () => {
  const database = await createDatabase()
  onTestFinished(() => database.drop())
  const folder = await mkdtemp(join(tmpdir(), 'insertlab-schemathesis-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const { url, errors, log } = await start(database.url)
  const report = join(folder, 'report.json')

  const { output } = await run(
    pathOf('schemathesis') ?? '',
    [
      ...['--config-file', join(files, 'schemathesis.toml'), 'run', `${url}/openapi.json`],
      ...['--checks', 'all', '--continue-on-failure', '--max-examples', examples, '--seed', seed],
      ...['--report', 'json', '--report-json-path', report],
    ],
    { SCHEMATHESIS_HOOKS: join(files, 'hooks.py'), PYTHONDONTWRITEBYTECODE: '1', HOME: folder },
    folder,
  )

  const found = JSON.parse(await readFile(report, 'utf8')) as Report
  console.log(`schemathesis: ${found.test_cases.generated} requests, seed ${seed}`)
  expect({ failures: found.failures, errors: found.errors }, output).toEqual({ failures: [], errors: [] })
  expect(found, output).toMatchObject({ complete: true, operations: { total: 11, tested: 11 } })
  const phases = Object.entries(found.phases).map(([name, { status }]) => `${name}: ${status}`)
  expect(phases.sort()).toEqual([
    'coverage: success',
    'examples: success',
    'fuzzing: success',
    'stateful: success',
  ])
  expect(found.test_cases.errored).toBe(0)
  expect(found.test_cases.generated).toBeGreaterThan(Number(examples) * 5)
  expect(errors()).toBe('')
  expect(log()).not.toContain('request failed')
})
