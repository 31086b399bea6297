import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import pg from 'pg'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createDatabase } from '../helpers/database.ts'
import { spawn } from '../helpers/service.ts'

let database: Awaited<ReturnType<typeof createDatabase>>

beforeAll(async () => {
  database = await createDatabase()
  return database.drop
})

/** Runs the service until it ends by itself. */
async function start(env: Record<string, string>) {
  const { service, errors } = await spawn(database.url, env)
  const { code } = await service.ended
  return { code, errors: errors() }
}

/** A port that somebody else has. */
async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

function withPassword(url: string, password: string): string {
  const changed = new URL(url)
  changed.password = password
  return changed.href
}

describe('a start that cannot succeed ends with exit code 1 and one line that says why and what to do', () => {
  it.each([
    ['PORT', 'abc'],
    ['INSERT_STRATEGY', 'fastest'],
    ['LOG_LEVEL', 'loud'],
  ])('%s=%s', async (name, value) => {
    expect(await start({ [name]: value })).toEqual({
      code: 1,
      errors: expect.stringMatching(
        new RegExp(`^insertlab: ${name} cannot be "${value}"\\. Set ${name} to .*\\n$`),
      ),
    })
  })

  it.each(['PORT', 'ADMIN_PORT'])('%s in use', async name => {
    const port = await takenPort()
    expect(await start({ [name]: String(port) })).toEqual({
      code: 1,
      errors: expect.stringMatching(
        new RegExp(
          `^insertlab: cannot listen on port ${port}: .*EADDRINUSE.* Set ${name} to a free port\\.\\n$`,
        ),
      ),
    })
  })

  it('an address that this machine does not have', async () => {
    // TEST-NET-1, reserved for documentation.
    expect(await start({ HOST: '192.0.2.1' })).toEqual({
      code: 1,
      errors: expect.stringMatching(/^insertlab: cannot listen on .*EADDRNOTAVAIL.* Set HOST to .*\n$/),
    })
  })

  it.each([
    ['unreachable', 'postgresql://nobody:hunter2@127.0.0.1:1/none', /ECONNREFUSED 127\.0\.0\.1:1/],
    ['unreachable by name', 'postgresql://nobody:hunter2@localhost:1/none', /ECONNREFUSED/],
    ['of an unknown host', 'postgresql://nobody:hunter2@no-such-host.invalid/none', /no-such-host\.invalid/],
    ['malformed', 'postgresql://nobody:hunter2@127.0.0.1:port/none', /Invalid URL/],
  ])('a database %s', async (_, DATABASE_URL, complaint) => {
    const { code, errors } = await start({ DATABASE_URL })
    expect(errors).toMatch(/^insertlab: [^\n]*DATABASE_URL[^\n]*\n$/)
    expect(errors).toMatch(complaint)
    expect(errors).not.toContain('hunter2')
    expect(code).toBe(1)
  })

  it('a wrong database password', async () => {
    const { code, errors } = await start({ DATABASE_URL: withPassword(database.url, 'hunter2') })
    expect(errors).toMatch(
      /^insertlab: the database cannot be used: password authentication failed for user "postgres"\. Set DATABASE_URL [^\n]*\n$/,
    )
    expect(code).toBe(1)
  })

  it('a database that does not exist', async () => {
    const url = new URL(database.url)
    url.pathname = '/none'
    const { code, errors } = await start({ DATABASE_URL: url.href })
    expect(errors).toMatch(
      /^insertlab: the database cannot be used: database "none" does not exist\. [^\n]*\n$/,
    )
    expect(code).toBe(1)
  })

  it('a role that may not create the tables', async () => {
    const empty = await createDatabase()
    onTestFinished(() => empty.drop())
    const admin = new pg.Client({ connectionString: empty.url })
    await admin.connect()
    const role = `guest_${process.pid}`
    await admin.query(
      `DROP TABLE simple_text, tasks, schema_version; CREATE ROLE ${role} LOGIN PASSWORD 'hunter2'`,
    )
    onTestFinished(async () => {
      await admin.query(`DROP ROLE ${role}`)
      await admin.end()
    })
    const url = new URL(empty.url)
    url.username = role
    url.password = 'hunter2'
    const { code, errors } = await start({ DATABASE_URL: url.href })
    expect(errors).toMatch(
      /^insertlab: the database cannot be used: permission denied for schema public\. [^\n]*\n$/,
    )
    expect(code).toBe(1)
  })

  it('several workers whose port is in use', async () => {
    const port = await takenPort()
    expect(await start({ WORKERS: '3', PORT: String(port) })).toEqual({
      code: 1,
      errors: expect.stringMatching(
        /^insertlab: cannot listen on port \d+: .*EADDRINUSE.* Set PORT to a free port\.\n$/,
      ),
    })
  })

  it('several workers whose first admin port is in use', async () => {
    const port = await takenPort()
    expect(await start({ WORKERS: '2', ADMIN_PORT: String(port) })).toEqual({
      code: 1,
      errors: expect.stringMatching(
        /^insertlab: cannot listen on port \d+: .*EADDRINUSE.* Set ADMIN_PORT to a free port\.\n$/,
      ),
    })
  })

  it('several workers without a first admin port', async () => {
    expect(await start({ WORKERS: '2', ADMIN_PORT: '0' })).toEqual({
      code: 1,
      errors: expect.stringMatching(
        /^insertlab: ADMIN_PORT cannot be 0 with several workers\. Set [^\n]*\n$/,
      ),
    })
  })

  it('more workers than the server has connections for', async () => {
    expect(await start({ WORKERS: '100' })).toEqual({
      code: 1,
      errors: expect.stringMatching(
        /^insertlab: 100 workers cannot share max_connections = 100\. Set WORKERS to at most 89, [^\n]*\n$/,
      ),
    })
  })
})
