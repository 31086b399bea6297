import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { cachedFolder, fingerprint } from '../../../src/lab/stack/peers/cache.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cache-'))
  vi.stubEnv('INSERTLAB_CACHE', folder)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

const fillWith = (content: string) => async (path: string) => {
  writeFileSync(join(path, 'file'), content)
}

test('a folder is filled once', async () => {
  const path = await cachedFolder('thing', fillWith('first'))
  expect(path).toBe(join(folder, 'thing'))
  expect(await cachedFolder('thing', fillWith('second'))).toBe(path)
  expect(readFileSync(join(path, 'file'), 'utf8')).toBe('first')
})

test('what failed half-way leaves nothing, and can be tried again', async () => {
  const failing = cachedFolder('thing', async path => {
    await fillWith('half')(path)
    throw new Error('no network')
  })
  await expect(failing).rejects.toThrow('no network')
  expect(readdirSync(folder)).toEqual([])
  expect(existsSync(await cachedFolder('thing', fillWith('whole')))).toBe(true)
})

test('of two that fill it at once one wins, and both have it', async () => {
  const paths = await Promise.all(['a', 'b'].map(content => cachedFolder('thing', fillWith(content))))
  expect(new Set(paths).size).toBe(1)
  expect(readdirSync(folder)).toEqual(['thing'])
})

test('a fingerprint changes with every file and word', () => {
  const file = join(folder, 'lock')
  const of = (content: string, ...words: string[]) => {
    writeFileSync(file, content)
    return fingerprint([file], ...words)
  }
  expect(of('a', '3.13')).toBe(of('a', '3.13'))
  expect(new Set([of('a', '3.13'), of('b', '3.13'), of('a', '3.14'), of('a')]).size).toBe(4)
})
