import { expect, test } from 'vitest'
import { databaseProcess, isBackend } from '../../../src/lab/attach/database-process.ts'
import { readTree } from '../../../src/lab/probes/proc.ts'
import { findFreePort } from '../../../src/lab/stack/free-port.ts'
import { createConnectedDatabase } from '../../helpers/database.ts'

test('a backend in a container is known by its innermost pid and the port of its client', () => {
  const status = 'Name:\tpostgres\nPid:\t11815\nNSpid:\t11815\t87\nThreads:\t1\n'
  const title = 'postgres: insertlab insertlab 172.18.0.1(45678) idle'
  expect(isBackend({ pid: 87, clientPort: 45678 }, status, title)).toBe(true)
  // The same pid in another container, and the pid that only the host sees.
  expect(isBackend({ pid: 87, clientPort: 45679 }, status, title)).toBe(false)
  expect(isBackend({ pid: 11815, clientPort: 45678 }, status, title)).toBe(false)
  // A pid that ends alike.
  expect(isBackend({ pid: 7, clientPort: 45678 }, status, title)).toBe(false)
  expect(isBackend({ pid: 87, clientPort: null }, status, 'postgres: insertlab insertlab [local] idle')).toBe(
    true,
  )
  expect(isBackend({ pid: 87, clientPort: null }, status, 'node server.js')).toBe(false)
})

test.runIf(process.platform === 'linux')('finds the server, whose backends are its children', async () => {
  const database = await createConnectedDatabase()
  try {
    const found = await databaseProcess(database.url)
    const { rows } = await database.sql.query('SELECT pg_backend_pid() AS pid')
    expect(readTree(found ?? 0).map(({ pid }) => pid)).toContain(rows[0].pid)
  } finally {
    await database.drop()
  }
})

test('one that cannot be asked is refused with what to do', async () => {
  const url = `postgresql://nobody@127.0.0.1:${await findFreePort()}/none`
  await expect(databaseProcess(url)).rejects.toMatchObject({
    code: 'LAB_TARGET',
    message: expect.stringContaining('the database cannot be asked: connect ECONNREFUSED'),
  })
})
