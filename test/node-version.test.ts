import { expect, test } from 'vitest'
import { run } from './programs.ts'

test.each([
  ['the lab', ['--import', './src/node-version.js', 'src/lab/cli.ts', 'list']],
  ['the service', ['--import', './src/service/preload.js', 'src/service/server.ts']],
])('%s says in one line that a Node cannot run TypeScript', async (_, args) => {
  // As Node was before version 22.18, or is with this option.
  const { code, output } = await run(process.execPath, ['--no-strip-types', ...args])
  expect({ code, lines: output.trimEnd().split('\n').length }).toEqual({ code: 3, lines: 1 })
  expect(output).toMatch(/^insertlab: Node v\d+\.\d+\.\d+ cannot run TypeScript\. Run npm ci /)
})
