import { setTimeout as pause } from 'node:timers/promises'
import { expect, inject, test } from 'vitest'
import { undiciGenerator } from '../../../src/lab/load/undici.ts'
import { takeProfile } from '../../../src/lab/run/take-profile.ts'
import type { PeerName } from '../../../src/lab/stack/peers/peers.ts'
import { createPrograms } from '../../../src/lab/stack/programs.ts'
import { pathOf } from '../../programs.ts'

/** What each needs, and layers without which its profile is not its own. */
const peers: { name: PeerName; needs: string; layers: string[] }[] = [
  { name: 'fastapi', needs: 'python3', layers: ['sqlalchemy', 'asyncpg', 'fastapi', 'starlette'] },
  { name: 'gin', needs: 'go', layers: ['pgx', 'gin', 'net/http'] },
]

const programs = createPrograms()

test.for(peers)(
  '$name answers as the service does, and its profile names its packages',
  async ({ name, needs, layers }, { skip }) => {
    skip(pathOf(needs) === null, `${needs} is not on the PATH`)
    expect(await programs.unavailableBecause(name, () => {})).toBeNull()
    const peer = await programs.start(name, { databaseUrl: inject('postgres').url })
    try {
      expect(await json(`${peer.url}/ping/`)).toEqual({ ping: 'pong' })
      const one = await json(`${peer.url}/test-insert`)
      expect(one).toMatchObject({ id: expect.any(Number), duration: expect.any(Number) })
      const ten = await json(`${peer.url}/test-insert?rows=10`)
      expect(Number(ten['id'])).toBeGreaterThan(Number(one['id']))
      await exerciseTasks(peer.url)
      expect(await layersUnderLoad(peer)).toEqual(expect.arrayContaining(layers))
    } finally {
      await peer.stop()
    }
  },
)

async function exerciseTasks(url: string): Promise<void> {
  const body = (value: object) => ({
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(value),
  })
  const ids: number[] = []
  for (const title of ['a', 'b', 'c']) {
    const response = await fetch(`${url}/tasks/`, { method: 'POST', ...body({ title }) })
    expect(response.status).toBe(201)
    ids.push(((await response.json()) as { id: number }).id)
  }
  const [first, second, third] = ids
  const afterFirst = Buffer.from(`task:${first}`).toString('base64url')
  const page = await json(`${url}/tasks/?limit=1&after=${afterFirst}`)
  expect(page).toMatchObject({ items: [{ id: second, title: 'b' }], next: expect.any(String) })
  const lastPage = await json(`${url}/tasks/?after=${page['next']}`)
  expect(lastPage).toMatchObject({ items: [{ id: third }], next: null })
  expect((await fetch(`${url}/tasks/?after=nonsense`)).status).toBe(400)

  const task = `${url}/tasks/${first}`
  expect(await json(task, { method: 'PUT', ...body({ title: 'changed', done: true }) })).toMatchObject({
    ...{ id: first, title: 'changed', done: true },
  })
  expect((await fetch(task, { method: 'DELETE' })).status).toBe(204)
  expect((await fetch(task)).status).toBe(404)
}

async function json(url: string, init?: RequestInit): Promise<Record<string, unknown>> {
  const response = await fetch(url, init)
  expect(response.ok, `${url} answered ${response.status}`).toBe(true)
  return (await response.json()) as Record<string, unknown>
}

async function layersUnderLoad({ url, profiler, pid }: Awaited<ReturnType<typeof programs.start>>) {
  const done = new AbortController()
  const load = undiciGenerator
    .run(
      {
        baseUrl: url,
        requests: [{ path: '/test-insert' }],
        shape: { mode: 'closed', connections: 16 },
        ...{ warmupS: 0, durationS: 60 },
      },
      { signal: done.signal, onLive: () => {}, onWindow: () => {} },
    )
    .catch(() => null)
  await pause(1000)
  if (profiler === null) throw new Error('it cannot be profiled')
  const profile = await takeProfile(profiler, pid, 3, done.signal)
  done.abort()
  await load
  return [...(profile?.layers.shares.keys() ?? [])]
}
