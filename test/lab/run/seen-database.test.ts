import { expect, test } from 'vitest'
import { readTree } from '../../../src/lab/probes/proc.ts'
import { isBackend, seeDatabase } from '../../../src/lab/run/seen-database.ts'
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
    const { pid, url, unavailable } = await seeDatabase(database.url, '--database')
    const { rows } = await database.sql.query('SELECT pg_backend_pid() AS pid')
    expect(readTree(pid ?? 0).map(one => one.pid)).toContain(rows[0].pid)
    expect(url).toBe(database.url)
    expect(unavailable).toEqual([])
  } finally {
    await database.drop()
  }
})

test('what a role may not see, and an extension that is not there, is said', async () => {
  const database = await createConnectedDatabase()
  const role = `reader_${process.pid}_${Date.now()}`
  try {
    await database.sql.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`)
    await database.sql.query('DROP EXTENSION pg_stat_statements')
    const url = new URL(database.url)
    url.username = role
    url.password = 'secret'
    // Settings that the URL asks for are kept.
    url.searchParams.set('options', '-c track_wal_io_timing=on -c work_mem=1MB')
    await expect(seeDatabase(url.href, '--database')).rejects.toMatchObject({
      message: expect.stringContaining('permission denied to set parameter "track_wal_io_timing"'),
    })
    url.searchParams.set('options', '-c work_mem=1MB')
    const { unavailable } = await seeDatabase(url.href, '--database')
    const [first = '', ...others] = unavailable
    expect(first).toMatch(
      /^PostgreSQL \d+\.\d+ does not tell which statements take most time \(the extension pg_stat_statements is not/,
    )
    expect(others.join()).toContain('not a member of pg_read_all_stats')
  } finally {
    await database.sql.query(`DROP ROLE ${role}`)
    await database.drop()
  }
})

test('one that cannot be asked is refused with what to do', async () => {
  const url = `postgresql://nobody@127.0.0.1:${await findFreePort()}/none`
  await expect(seeDatabase(url, '--database')).rejects.toMatchObject({
    code: 'LAB_TARGET',
    message: expect.stringContaining('the database cannot be queried: connect ECONNREFUSED'),
  })
})
