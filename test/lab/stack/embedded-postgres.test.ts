import { existsSync } from 'node:fs'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type PostgresServer, startPostgres } from '../../../src/lab/stack/embedded-postgres.ts'
import { expectGone, processTree } from '../../helpers/processes.ts'

describe('a started server', () => {
  let server: PostgresServer
  let client: Client

  beforeAll(async () => {
    server = await startPostgres({ settings: { max_connections: '7', work_mem: '12MB' } })
    client = new Client({ connectionString: server.url })
    await client.connect()
  })
  afterAll(async () => {
    await client?.end()
    await server?.stop()
  })

  async function setting(name: string): Promise<string> {
    const { rows } = await client.query<{ value: string }>('SELECT current_setting($1) AS value', [name])
    return rows[0]?.value ?? ''
  }

  it('is PostgreSQL 18 and says so', async () => {
    expect(server.version).toMatch(/^18\.\d+$/)
    expect(await setting('server_version')).toBe(server.version)
  })

  it('makes every commit durable', async () => {
    expect(await setting('fsync')).toBe('on')
    expect(await setting('synchronous_commit')).toBe('on')
    expect(await setting('full_page_writes')).toBe('on')
  })

  it('takes settings, which win over its own', async () => {
    expect(await setting('max_connections')).toBe('7')
    expect(await setting('work_mem')).toBe('12MB')
    expect(await setting('shared_buffers')).toBe('256MB')
  })

  it('listens on loopback only and asks for a password', async () => {
    expect(await setting('listen_addresses')).toBe('127.0.0.1')
    expect(await setting('unix_socket_directories')).toBe('')
    const stranger = new URL(server.url)
    stranger.password = 'guess'
    await expect(new Client({ connectionString: stranger.href }).connect()).rejects.toMatchObject({
      code: '28P01',
    })
  })

  it('stores UTF-8 under the C locale', async () => {
    const { rows } = await client.query(
      'SELECT pg_encoding_to_char(encoding) AS encoding, datcollate FROM pg_database WHERE datname = current_database()',
    )
    expect(rows).toEqual([{ encoding: 'UTF8', datcollate: 'C' }])
  })

  it('counts statements, in databases made later too', async () => {
    await client.query('SELECT 1 + 1')
    const { rows } = await client.query("SELECT calls FROM pg_stat_statements WHERE query = 'SELECT $1 + $2'")
    expect(rows).toEqual([{ calls: '1' }])

    await client.query('CREATE DATABASE later')
    const laterUrl = new URL(server.url)
    laterUrl.pathname = 'later'
    const later = new Client({ connectionString: laterUrl.href })
    await later.connect()
    await later.query('SELECT count(*) FROM pg_stat_statements')
    await later.end()
  })
})

describe('a shell that is set up for another server', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it('changes neither the start nor who connects by the URL', async () => {
    const settings = {
      PGSSLMODE: 'verify-full',
      PGOPTIONS: '-c no_such=1',
      PGSERVICE: 'none',
      PGHOST: '192.0.2.1',
    }
    const others = {
      PGPORT: '1',
      PGUSER: 'nobody',
      PGDATABASE: 'none',
      PGPASSWORD: 'wrong',
      PGSSLROOTCERT: '/none',
    }
    for (const [name, value] of Object.entries({ ...settings, ...others })) vi.stubEnv(name, value)
    const server = await startPostgres()
    try {
      const client = new Client({ connectionString: server.url })
      await client.connect()
      const { rows } = await client.query('SELECT current_user AS name, current_database() AS of')
      expect(rows).toEqual([{ name: 'postgres', of: 'insertlab' }])
      await client.end()
    } finally {
      await server.stop()
    }
  })
})

describe('stop', () => {
  it('leaves no process and no folder, with clients still connected, and may be called twice', async () => {
    const server = await startPostgres()
    const client = new Client({ connectionString: server.url })
    await client.connect()
    const disconnected = new Promise(resolve => client.on('error', resolve))
    const pids = await processTree(server.pid)
    expect(pids.length).toBeGreaterThan(4)

    await server.stop()
    await server.stop()
    await expectGone(pids)
    expect(existsSync(server.directory)).toBe(false)
    await disconnected
  })
})

describe('a server that does not come up', () => {
  it('is one line with its own reason', async () => {
    await expect(startPostgres({ settings: { shared_buffers: 'much' } })).rejects.toMatchObject({
      code: 'LAB_POSTGRES_START',
      message: expect.stringMatching(
        /^PostgreSQL did not start: .*invalid value for parameter "shared_buffers"/,
      ),
      remedy: expect.stringContaining('DATABASE_URL'),
    })
  })
})
