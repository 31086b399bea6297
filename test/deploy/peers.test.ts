import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'

const root = new URL('../../', import.meta.url)
const text = (path: string) => readFile(new URL(path, root), 'utf8')

describe.each(['fastapi', 'gin'])('the image of %s', name => {
  test('is built from pinned images, and runs as a user who is not root', async () => {
    const dockerfile = await text(`deploy/peers/${name}/Dockerfile`)
    const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image)
    for (const base of bases) expect(base).toMatch(/^[a-z]+:[\w.-]+$/)
    const [, user] = /^USER (\w+)$/m.exec(dockerfile) ?? []
    expect(user).toMatch(/^(?!root$)/)
    expect(dockerfile).toMatch(/^HEALTHCHECK /m)
  })
})

test.each([
  'deploy/peers/fastapi/requirements',
  'deploy/peers/fastapi/profiler',
  'loadtests/locust/requirements',
])('%s.txt locks all that its .in names, every package by hash', async path => {
  const wanted = (await text(`${path}.in`)).split('\n').filter(line => /^[a-z]/.test(line))
  const entries = (await text(`${path}.txt`)).split(/\n(?=\S)/).filter(entry => /^[a-z]/.test(entry))
  const locked = entries.map(entry => /^([\w.-]+)(?:\[[\w,]+\])?==/.exec(entry)?.[1])
  for (const name of wanted) expect(locked).toContain(name.replace(/\[.*\]/, ''))
  for (const entry of entries) expect(entry).toContain('--hash=sha256:')
})

test('nobody of the peers makes the tables: they are the service’s', async () => {
  const files = await readdir(new URL('deploy/peers/', root), { recursive: true })
  const sources = files.filter(file => /\.(?:py|go|ts)$/.test(file))
  expect(sources.length).toBeGreaterThan(5)
  for (const file of sources) expect(await text(`deploy/peers/${file}`)).not.toMatch(/CREATE TABLE/i)
})
