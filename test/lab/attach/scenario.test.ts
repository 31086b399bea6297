import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readScenario } from '../../../src/lab/attach/scenario.ts'

const folder = mkdtempSync(join(tmpdir(), 'scenario-'))
afterAll(() => rmSync(folder, { recursive: true }))

function scenario(name: string, source: string): string {
  const file = join(folder, name)
  writeFileSync(file, source)
  return file
}

test('reads the requests of a TypeScript module', async () => {
  const file = scenario(
    'mix.ts',
    `interface Item { n: number }
     const item: Item = { n: 1 }
     export default [
       { path: '/items/{random:1-9}', weight: 3 },
       { method: 'POST' as const, path: '/items', body: JSON.stringify(item) },
     ]`,
  )
  expect(await readScenario(file)).toEqual([
    { path: '/items/{random:1-9}', weight: 3 },
    { method: 'POST', path: '/items', body: '{"n":1}' },
  ])
})

test.each([
  ['no-default.ts', 'export const requests = []'],
  ['empty.ts', 'export default []'],
  ['relative.ts', "export default [{ path: 'items' }]"],
  ['unknown.ts', "export default [{ path: '/', verb: 'GET' }]"],
  ['broken.ts', 'export default ['],
])('%s is refused with a line that names it', async (name, source) => {
  const file = scenario(name, source)
  await expect(readScenario(file)).rejects.toMatchObject({
    code: 'LAB_USAGE',
    message: expect.stringContaining(`the scenario ${file} cannot be used: `),
  })
})

test('a file that is not there is refused', async () => {
  await expect(readScenario(join(folder, 'none.ts'))).rejects.toMatchObject({ code: 'LAB_USAGE' })
})
