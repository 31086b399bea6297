import { createRequire } from 'node:module'
import { setFlagsFromString } from 'node:v8'
import { expect, test } from 'vitest'
import { keepExportsFast } from '../../src/service/fast-exports.ts'

test('what packages export is fast to read, and still what it was', () => {
  const core = createRequire(import.meta.url)('@opentelemetry/core') as Record<string, unknown>
  const before = { ...core }
  setFlagsFromString('--allow-natives-syntax')
  const isFast = new Function('exports', 'return %HasFastProperties(exports)') as (exports: object) => boolean
  expect(isFast(core)).toBe(false)

  keepExportsFast()

  expect(isFast(core)).toBe(true)
  expect({ ...core }).toEqual(before)
})
