import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ServiceProcess, startService } from '../../src/lab/stack/service-process.ts'
import { createDatabase } from '../helpers/database.ts'
import { available, pathOf, repository, run } from '../programs.ts'

/** Clients that others generate from the OpenAPI document. Each makes every call, so that the document is true for it. */
const folder = mkdtempSync(join(tmpdir(), 'insertlab-clients-'))
let database: Awaited<ReturnType<typeof createDatabase>>
let service: ServiceProcess
beforeAll(async () => {
  database = await createDatabase()
  service = await startService({ databaseUrl: database.url, env: {} })
})
afterAll(async () => {
  await service?.stop()
  await database?.drop()
  rmSync(folder, { recursive: true })
})

async function succeed(program: string, args: readonly string[], env = {}, cwd = folder): Promise<string> {
  const { code, output } = await run(program, args, env, cwd)
  expect(code, output).toBe(0)
  return output
}

test('openapi-typescript and openapi-fetch: the types fit, and every call is right', async () => {
  const source = join(repository, 'test/clients/typescript')
  for (const name of readdirSync(source)) copyFileSync(join(source, name), join(folder, name))
  await succeed('npm', ['ci', '--no-audit', '--no-fund'])
  const bin = (name: string) => join(folder, 'node_modules/.bin', name)
  await succeed(bin('openapi-typescript'), [`${service.url}/openapi.json`, '-o', 'schema.ts'])
  await succeed(bin('tsc'), ['-p', '.'])
  expect(await succeed(process.execPath, ['calls.ts', service.url])).toContain('all calls are right')
})

test.skipIf(!available('openapi-python-client'))('openapi-python-client: every call is right', async () => {
  const generator = pathOf('openapi-python-client') ?? ''
  const output = join(folder, 'insertlab_client')
  await succeed(generator, [
    ...['generate', '--url', `${service.url}/openapi.json`, '--output-path', output, '--meta', 'none'],
  ])
  copyFileSync(join(repository, 'test/clients/python/calls.py'), join(folder, 'calls.py'))
  // The packages that the generated client needs are those of the generator's own environment.
  const python = join(await realFolderOf(generator), 'python')
  expect(await succeed(python, ['calls.py', service.url])).toContain('all calls are right')
})

async function realFolderOf(program: string): Promise<string> {
  return join((await succeed('readlink', ['-f', program])).trim(), '..')
}
