import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { repository } from '../programs.ts'

/** Each lets anybody copy the service, change it and keep the changes to himself. */
const allowed = [
  'MIT',
  'ISC',
  '0BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'Unlicense',
  'Zlib',
]
/** Of tools alone, which no user gets: changes to these files themselves would have to be published. */
const allowedForTools = [...allowed, 'MPL-2.0']

interface Package {
  license?: string
  dev?: boolean
  link?: boolean
}

const lock = JSON.parse(await readFile(`${repository}/package-lock.json`, 'utf8')) as {
  packages: Record<string, Package>
}
const packages = Object.entries(lock.packages).filter(([path, { link }]) => path !== '' && link !== true)

/** An SPDX expression: all parts of an AND, one part of an OR. */
function isAllowed(license: string, list: readonly string[]): boolean {
  const parts = license.replace(/^\(|\)$/g, '')
  if (parts.includes(' AND ')) return parts.split(' AND ').every(part => list.includes(part))
  return parts.split(' OR ').some(part => list.includes(part))
}

test('every package has a licence that is on the list', () => {
  expect(packages.length).toBeGreaterThan(300)
  const refused = packages.filter(
    ([, { license, dev }]) => license === undefined || !isAllowed(license, dev ? allowedForTools : allowed),
  )
  expect(refused.map(([path, { license }]) => `${path}: ${license}`)).toEqual([])
})

test('a licence that is not on the list would be found', () => {
  for (const license of ['GPL-3.0', '(MIT AND GPL-3.0)', 'UNLICENSED', 'MPL-2.0']) {
    expect(isAllowed(license, allowed), license).toBe(false)
  }
  expect(isAllowed('(MIT OR GPL-3.0)', allowed)).toBe(true)
})
