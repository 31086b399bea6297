import { hostname } from 'node:os'
import { expect, test } from 'vitest'
import { chooseDatabase } from '../../../src/lab/run/database-choice.ts'

const remote = 'postgresql://app:hunter2@192.0.2.1:5432/shop'
const local = 'postgresql://app:hunter2@127.0.0.1:5432/shop'

test.each([undefined, '', '  '])(
  'DATABASE_URL %j is not set: the lab starts its own, and says so',
  async blank => {
    expect(await chooseDatabase(undefined, 'fill', blank)).toEqual({
      url: null,
      says: 'database: a PostgreSQL of the lab’s own, started for this run, because DATABASE_URL is not set',
    })
    expect((await chooseDatabase(undefined, 'read', blank)).says).toContain('none is read')
  },
)

test.each([
  local,
  'postgresql://app:hunter2@localhost/shop',
  'postgresql://app:hunter2@[::1]/shop',
  'postgresql:///shop?host=/var/run/postgresql',
])('%s of the shell is taken, because it is on this machine', async url => {
  const { url: chosen, says } = await chooseDatabase(undefined, 'fill', url)
  expect(chosen).toBe(url)
  expect(says).toMatch(
    /^database: postgresql:.*because DATABASE_URL names it; the lab makes a database of its own/,
  )
  expect(says).not.toContain('hunter2')
})

test('a server elsewhere has to be named by hand', async () => {
  await expect(chooseDatabase(undefined, 'fill', remote)).rejects.toMatchObject({
    code: 'LAB_TARGET',
    message: 'DATABASE_URL names a database on 192.0.2.1, which is not this machine',
    remedy: expect.stringContaining('--database-url'),
  })
  await expect(chooseDatabase(undefined, 'read', remote)).rejects.toMatchObject({
    remedy: expect.stringContaining('read statistics'),
  })
  const { url, says } = await chooseDatabase(remote, 'fill', local)
  expect(url).toBe(remote)
  expect(says).toContain('postgresql://app:***@192.0.2.1:5432/shop, because --database-url names it')
})

test('a name that leads to this machine is this machine', async () => {
  const url = `postgresql://app@${hostname()}/shop`
  expect((await chooseDatabase(undefined, 'fill', url)).url).toBe(url)
})

test('services that the lab starts get the database that was chosen, and the lab says so', async () => {
  const { url, says } = await chooseDatabase(undefined, 'pass on', local)
  expect(url).toBe(local)
  expect(says).toContain('because DATABASE_URL names it; the services that the lab starts use it')
  await expect(chooseDatabase(undefined, 'pass on', remote)).rejects.toMatchObject({
    remedy: expect.stringContaining('load services that use a database there'),
  })
})
