import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createDatabase } from '../helpers/database.ts'
import { start } from '../helpers/service.ts'
import { repository, run } from '../programs.ts'

interface Example {
  readonly command: string
  /** null: the page shows none. */
  readonly answer: unknown
}

/** Each `sh` block of the page, with the `json` block that follows it, if one does. */
function examplesOf(page: string): Example[] {
  const blocks = page.matchAll(/```sh\n(.*?)\n```(?:\n\n```json\n(.*?)\n```)?/gs)
  return [...blocks].map(([, command = '', json]) => ({
    command,
    answer: json === undefined ? null : JSON.parse(json),
  }))
}

/** The same value with what differs from call to call replaced by its kind: ids, times, free text of errors. */
function kindOf(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map(each => kindOf(each, name))
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, kindOf(each, key)]))
  }
  const isFixed = ['title', 'done', 'ping', 'status', 'code', 'count', 'type', 'next'].includes(name)
  return isFixed ? value : typeof value
}

test('every line of docs/http-api.md does what the page says', async () => {
  const examples = examplesOf(readFileSync(join(repository, 'docs/http-api.md'), 'utf8'))
  expect(examples.length).toBeGreaterThan(10)
  const database = await createDatabase()
  const service = await start(database.url)
  const folder = await mkdtemp(join(tmpdir(), 'http-api-'))
  onTestFinished(async () => {
    await service.service.end()
    await database.drop()
    await rm(folder, { recursive: true })
  })
  for (const { command, answer } of examples) {
    const line = command
      .replaceAll('http://127.0.0.1:8000', service.url)
      .replaceAll('127.0.0.1:9464', `127.0.0.1:${service.adminPort}`)
    const { code, stdout, output } = await run('bash', ['-c', `cd "${folder}" && ${line}`])
    expect(code, output).toBe(0)
    if (answer !== null) expect(kindOf(JSON.parse(stdout)), command).toEqual(kindOf(answer))
  }
})
