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
  [
    'no-default.ts',
    'export const requests = []',
    'its default export is no list of requests: it must be an array',
  ],
  ['empty.ts', 'export default []', 'its default export is no list of requests: it must not have fewer'],
  ['relative.ts', "export default [{ path: 'items' }]", 'request 1: path must begin with /'],
  ['unknown.ts', "export default [{ path: '/', verb: 'GET' }]", 'request 1: verb is no field of a request'],
  [
    'object.ts',
    "export default [{ path: '/' }, { path: '/', body: {} }]",
    'request 2: body must be a string',
  ],
  ['text.ts', "export default ['/']", 'request 1: must be an object'],
  ['header.ts', "export default [{ path: '/', headers: { a: 1 } }]", 'request 1: headers.a must be a string'],
  ['broken.ts', 'export default [', ''],
])('%s is refused with a line that names it and what is wrong', async (name, source, wrong) => {
  const file = scenario(name, source)
  await expect(readScenario(file)).rejects.toMatchObject({
    code: 'LAB_USAGE',
    message: expect.stringContaining(`the scenario ${file} cannot be used: ${wrong}`),
  })
})

test('a file that is not there is refused', async () => {
  await expect(readScenario(join(folder, 'none.ts'))).rejects.toMatchObject({ code: 'LAB_USAGE' })
})
