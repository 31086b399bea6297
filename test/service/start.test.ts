import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import pg from 'pg'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { insertStrategyNames } from '../../src/service/store/inserts/insert-strategy.ts'
import { selfSigned } from '../helpers/certificate.ts'
import { createConnectedDatabase, createDatabase } from '../helpers/database.ts'
import { expectJson, post, send } from '../helpers/http.ts'
import { spawn, start as startService } from '../helpers/service.ts'

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

/** Ends with one line that matches, and nothing else on standard error. */
async function expectFailure(env: Record<string, string>, line: RegExp) {
  const { code, errors } = await start(env)
  expect(errors).toMatch(/^insertlab: [^\n]*\n$/)
  expect(errors).toMatch(line)
  expect(code).toBe(1)
}

/** A port that somebody else has. */
async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const certificate = selfSigned()

/** A PostgreSQL as far as its TLS greeting. @returns its port. */
async function selfSignedServer(): Promise<number> {
  const secureContext = createSecureContext(certificate ?? {})
  const server = createServer(socket => {
    socket.on('error', () => {})
    // The request for TLS; S says yes.
    socket.once('data', () => {
      socket.write('S')
      new TLSSocket(socket, { isServer: true, secureContext }).on('error', () => {})
    })
  }).listen(0, '127.0.0.1')
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
    await expectFailure(
      { DATABASE_URL: url.href },
      /: the database cannot be used: database "none" does not exist\. Create it by CREATE DATABASE, /,
    )
  })

  it('a database password that is missing', async () => {
    const url = new URL(database.url)
    url.password = ''
    await expectFailure(
      { DATABASE_URL: url.href },
      /PostgreSQL asks for a password and none is set\. Put it into DATABASE_URL, or set PGPASSWORD\.\n$/,
    )
  })

  it('a # in the password that is not escaped', async () => {
    await expectFailure(
      { DATABASE_URL: 'postgresql://app:secret#1@127.0.0.1/texts' },
      /: DATABASE_URL cannot be read: it holds a #\. Write the characters # \/ [^\n]* as %23 %2F /,
    )
  })

  it('a database without TLS where the URL asks for it', async () => {
    await expectFailure(
      { DATABASE_URL: `${database.url}?sslmode=verify-full` },
      /The server does not support SSL connections\. Set sslmode=disable in DATABASE_URL/,
    )
  })

  it.skipIf(certificate === null)('a database whose certificate nobody has signed', async () => {
    const port = await selfSignedServer()
    await expectFailure(
      { DATABASE_URL: `postgresql://app:secret@127.0.0.1:${port}/texts?sslmode=verify-full` },
      /self-signed certificate\b[^\n]*\. Set sslrootcert in DATABASE_URL, or PGSSLROOTCERT, [^\n]* or sslmode=require/,
    )
  })

  it.each([
    ['DATABASE_URL', url => ({ DATABASE_URL: `${url}?options=-c%20synchronous_commit%3Doff` })],
    ['PGOPTIONS', () => ({ PGOPTIONS: '-c synchronous_commit=off' })],
  ] as [string, (url: string) => Record<string, string>][])(
    'a session that is less durable than asked, because %s says so',
    async (_, env) => {
      await expectFailure(
        env(database.url),
        /: synchronous_commit is off, but SYNCHRONOUS_COMMIT asks for on\. Remove it from the options of DATABASE_URL and PGOPTIONS, or set SYNCHRONOUS_COMMIT=off/,
      )
    },
  )

  it('tables that do not fit', async () => {
    const empty = await createConnectedDatabase()
    onTestFinished(() => empty.drop())
    await empty.sql.query(
      'DROP TABLE tasks, insertlab_schema_version; CREATE TABLE tasks (id serial PRIMARY KEY)',
    )
    await expectFailure(
      { DATABASE_URL: empty.url },
      /: the table tasks does not fit: title \(text\) is missing; done \(boolean\) is missing; created_at /,
    )
  })

  it('a role that may not create the tables', async () => {
    const empty = await createDatabase()
    onTestFinished(() => empty.drop())
    const admin = new pg.Client({ connectionString: empty.url })
    await admin.connect()
    const role = `guest_${process.pid}`
    await admin.query(
      `DROP TABLE simple_text, tasks, insertlab_schema_version; CREATE ROLE ${role} LOGIN PASSWORD 'hunter2'`,
    )
    onTestFinished(async () => {
      await admin.query(`DROP ROLE ${role}`)
      await admin.end()
    })
    const url = new URL(empty.url)
    url.username = role
    url.password = 'hunter2'
    await expectFailure(
      { DATABASE_URL: url.href },
      /: the database cannot be used: permission denied for schema public\. Set MIGRATION_USER and MIGRATION_PASSWORD [^\n]* or GRANT the role CREATE on the schema\.\n$/,
    )
    await admin.query(`REVOKE CONNECT ON DATABASE ${url.pathname.slice(1)} FROM PUBLIC`)
    await expectFailure(
      { DATABASE_URL: url.href },
      /: the database cannot be used: permission denied for database [^ ]+\. GRANT the role CONNECT on the database, /,
    )
  })

  it('no variable that names a database', async () => {
    const hint =
      /\. Neither DATABASE_URL nor PGHOST is set: set DATABASE_URL=postgres:\/\/user:password@host:5432\/db\.\n$/
    await expectFailure({ DATABASE_URL: '', PGUSER: 'me', PGPORT: '1' }, hint)
    const { port } = new URL(database.url)
    // Without USER, as in a container.
    await expectFailure({ DATABASE_URL: '', PGPORT: port }, hint)
  })

  it('PGOPTIONS that are not options', async () => {
    await expectFailure(
      { PGOPTIONS: 'work_mem=8MB' },
      /: work_mem=8MB\. Write PGOPTIONS, [^\n]* as -c name=value\.\n$/,
    )
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

describe('tables that are there already, as an ORM makes them', () => {
  it('are used by every route', async () => {
    const existing = await createConnectedDatabase()
    onTestFinished(() => existing.drop())
    await existing.sql.query(`
      DROP TABLE simple_text, tasks, insertlab_schema_version;
      CREATE TABLE simple_text (id serial PRIMARY KEY, text varchar);
      INSERT INTO simple_text (text) VALUES ('from before');
      CREATE TABLE tasks (id serial PRIMARY KEY, owner int, title varchar NOT NULL, done boolean NOT NULL DEFAULT false,
        created_at timestamptz NOT NULL DEFAULT now())`)
    const { url } = await startService(existing.url)
    for (const strategy of insertStrategyNames) {
      const { ids } = await expectJson(await fetch(`${url}/test-insert?rows=3&strategy=${strategy}`), 200)
      expect(ids).toEqual([expect.any(Number), expect.any(Number), expect.any(Number)])
    }
    await expectJson(await post(`${url}/texts`, { text: 'a' }), 201)
    const { id } = await expectJson(await post(`${url}/tasks/`, { title: 'a' }), 201)
    const changed = await send('PUT', `${url}/tasks/${id}`, '{"title":"b","done":true}')
    expect(await expectJson(changed, 200)).toMatchObject({ id, title: 'b', done: true })
    expect(await expectJson(await fetch(`${url}/tasks/`), 200)).toMatchObject({ items: [{ id, title: 'b' }] })
    const { rowCount } = await existing.sql.query('SELECT FROM simple_text')
    expect(rowCount).toBe(2 + 3 * insertStrategyNames.length)
  })
})
