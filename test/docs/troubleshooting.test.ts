import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { problems } from '../../src/service/errors.ts'
import { repository } from '../programs.ts'

const page = readFileSync(join(repository, 'docs/troubleshooting.md'), 'utf8')
const rows = [...page.matchAll(/^\| `(\w+)` +\| (\d{3})?/gm)]

test('the page lists every code of the service, with its status, and no other', () => {
  const listed = rows.filter(([, , status]) => status !== undefined)
  const expected = Object.entries(problems).map(([code, { status }]) => [code, String(status)])
  expect(Object.fromEntries(listed.map(([, code, status]) => [code, status]))).toEqual(
    Object.fromEntries(expected),
  )
})

test('the page lists every code of the lab, and no other', () => {
  const source = readFileSync(join(repository, 'src/lab/errors.ts'), 'utf8')
  const codes = [...source.matchAll(/^ {2}(LAB_\w+):/gm)].map(([, code]) => code)
  const listed = rows.map(([, code = '']) => code).filter(code => code.startsWith('LAB_'))
  expect(codes.length).toBeGreaterThan(5)
  expect(listed.sort()).toEqual(codes.sort())
})
