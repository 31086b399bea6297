import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { insertStacks } from '../../src/lab/stack/peers/insert-stacks.ts'

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
  'deploy/peers/python/requirements',
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
  const sources = files.filter(file => /\.(?:py|go|ts|js|rs)$/.test(file))
  expect(sources.length).toBeGreaterThan(5)
  for (const file of sources) expect(await text(`deploy/peers/${file}`)).not.toMatch(/CREATE TABLE/i)
})

/** Where the code of a peer is. */
function sourceOf(program: string): string {
  const named: Record<string, string> = {
    'bare-fastify': 'bare-fastify/server.ts',
    fastapi: 'fastapi/report.py',
    'fastapi-tuned': 'fastapi/tuned.py',
    gin: 'gin/main.go',
  }
  const [launcher = '', file = ''] = program.split('/')
  const path = named[program] ?? `${folders[launcher] ?? launcher}/${file}${endings[launcher] ?? ''}`
  return `deploy/peers/${path}`
}
const folders: Record<string, string> = { gunicorn: 'python', rust: 'rust/src' }
const endings: Record<string, string> = { node: '.js', python: '.py', gunicorn: '.py', rust: '.rs' }

describe('the insert table', () => {
  test('has many stacks, each under a name of its own', () => {
    expect(insertStacks.length).toBeGreaterThanOrEqual(14)
    expect(new Set(insertStacks.map(({ name }) => name)).size).toBe(insertStacks.length)
  })

  test.each(insertStacks.flatMap(({ program }) => program ?? []))(
    '%s names at its head the page of the documentation that it follows',
    async program => {
      const head = (await text(sourceOf(program))).split('\n').slice(0, 12).join('\n')
      expect(head).toMatch(/https:\/\/[\w.-]+\.\w+\/\S*/)
    },
  )

  test.each(['node', 'python', 'rust/src'])('no source in %s is longer than 60 lines', async folder => {
    const names = await readdir(new URL(`deploy/peers/${folder}/`, root))
    const sources = names.filter(name => /\.(?:js|py|rs)$/.test(name))
    expect(sources).not.toEqual([])
    for (const name of sources) {
      const lines = (await text(`deploy/peers/${folder}/${name}`)).trimEnd().split('\n')
      expect(lines.length, name).toBeLessThanOrEqual(60)
    }
  })

  test('pins the packages of Node, and its lock has the same', async () => {
    const { dependencies } = JSON.parse(await text('deploy/peers/node/package.json'))
    const lock = JSON.parse(await text('deploy/peers/node/package-lock.json'))
    for (const [name, version] of Object.entries(dependencies)) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/)
      expect(lock.packages[`node_modules/${name}`]?.version, name).toBe(version)
    }
  })
})
