import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { run } from './programs.ts'

const green = { numPassedTests: 7, numFailedTests: 0, testResults: [] }
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ci-summary-'))
})
afterEach(() => rm(folder, { recursive: true }))

test('adds the tests of all parts', async () => {
  await write('quick.json', JSON.stringify(green))
  await write('thorough.json', JSON.stringify(green))
  expect(await summary()).toEqual({ code: 0, output: '\n14 passed, 0 failed\n' })
})

test('names each failed test', async () => {
  const test = {
    status: 'failed',
    fullName: 'the ledger counts once',
    failureMessages: ['expected 1\nat here'],
  }
  const testResults = [{ name: 'a.test.ts', status: 'failed', message: '', assertionResults: [test] }]
  await write('quick.json', JSON.stringify({ numPassedTests: 6, numFailedTests: 1, testResults }))
  await write('quick.broken', '')
  expect(await summary()).toEqual({
    code: 1,
    output: '\nfailed: the ledger counts once\n  expected 1\n  at here\n\n6 passed, 1 failed\n',
  })
})

test('a part that broke before its first test is one failure, with the end of its output', async () => {
  await write('quick.log', 'a.ts format\n\u001B[31mFile content differs\u001B[0m\n')
  await write('quick.broken', '')
  await write('thorough.json', JSON.stringify(green))
  const { code, output } = await summary()
  expect(code).toBe(1)
  expect(output).toContain('failed: quick, without a failed test')
  expect(output).toContain('\n  File content differs\n')
  expect(output).toMatch(/\n7 passed, 1 failed\n$/)
})

function write(name: string, text: string): Promise<void> {
  return writeFile(join(folder, name), text)
}

async function summary() {
  const { code, output } = await run(process.execPath, ['.ci/summary.js', folder])
  return { code, output }
}
