import { chown, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PostgresServer, startPostgres } from '../../../src/lab/stack/embedded-postgres.ts'
import { readConfig } from '../../../src/service/config.ts'
import { settleTls, withClient } from '../../../src/service/prepare-database.ts'
import { selfSigned } from '../../helpers/certificate.ts'
import { expectJson, post } from '../../helpers/http.ts'
import { spawn, start } from '../../helpers/service.ts'

/** Each is its own CA. */
const [forAddress, forName, ofClient, unknown] = ['127.0.0.1', 'db.example', 'postgres', '127.0.0.1'].map(
  name => selfSigned(name),
)

describe.skipIf(!forAddress || !forName || !ofClient || !unknown)('TLS to the database', () => {
  let server: PostgresServer
  let sql: pg.Client
  let folder: string
  const file = (name: string) => join(folder, name)

  beforeAll(async () => {
    server = await startPostgres()
    sql = new pg.Client({ connectionString: server.url })
    await sql.connect()
    folder = await mkdtemp(join(tmpdir(), 'insertlab-tls-'))
    const files = { forAddress, forName, ofClient, unknown }
    for (const [name, certificate] of Object.entries(files)) {
      await writeFile(file(`${name}.pem`), certificate?.cert ?? '')
      await writeFile(file(`${name}.key`), certificate?.key ?? '')
    }
  })
  afterAll(async () => {
    await sql.end()
    await server.stop()
    await rm(folder, { recursive: true })
  })

  /** The server's folder, which its account owns. */
  async function give(name: string, text: string): Promise<void> {
    const { uid, gid } = await stat(await dataFolder())
    const path = join(await dataFolder(), name)
    await writeFile(path, text, { mode: 0o600 })
    await chown(path, uid, gid)
  }

  const dataFolder = async () => (await sql.query('SHOW data_directory')).rows[0].data_directory as string

  /** Resolves when new connections find it: the postmaster reads its files first, and then tells the sessions. */
  async function reload(settings: Record<string, string>): Promise<void> {
    for (const [name, value] of Object.entries(settings)) {
      await sql.query(`ALTER SYSTEM SET ${name} = '${value}'`)
    }
    const loadTime = async () => Number((await sql.query('SELECT pg_conf_load_time() AS at')).rows[0].at)
    const before = await loadTime()
    await sql.query('SELECT pg_reload_conf()')
    while ((await loadTime()) === before) await sleep(20)
  }

  async function present(certificate: { key: string; cert: string } | null | undefined): Promise<void> {
    await give('server.key', certificate?.key ?? '')
    await give('server.crt', certificate?.cert ?? '')
    await reload({ ssl: 'on' })
  }

  /** Who comes in over the network, and how: a kind of line of pg_hba.conf. */
  async function letIn(line: string): Promise<void> {
    const path = join(await dataFolder(), 'pg_hba.conf')
    original ??= await readFile(path, 'utf8')
    await writeFile(path, `${line}\n${original}`)
    await reload({})
  }
  let original: string | undefined

  const urlWith = (query: string) => `${server.url}${query === '' ? '' : `?${query}`}`

  const configOf = (query: string, env: Record<string, string>) =>
    settleTls(readConfig({ ...env, DATABASE_URL: urlWith(query) }))

  /** Connects as the service does at its start, and looks whether the connection is encrypted. */
  async function expectConnected(query: string, env: Record<string, string>, isEncrypted: boolean) {
    const isFound = await withClient(await configOf(query, env), async client => {
      const { rows } = await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
      return rows[0].ssl
    })
    expect(isFound).toBe(isEncrypted)
  }

  async function expectRefused(query: string, env: Record<string, string>, line: RegExp) {
    const refused = configOf(query, env).then(config => withClient(config, async () => {}))
    await expect(refused).rejects.toMatchObject({ name: 'StartError', message: expect.stringMatching(line) })
    await expect(refused).rejects.toThrow(/^[^\n]*$/)
  }

  describe('of a server without TLS', () => {
    const named = 'application_name=sslmode=prefer&sslmode=prefer'
    it.each(['', 'sslmode=disable', 'sslmode=prefer', named])('is reached without by "%s"', query =>
      expectConnected(query, {}, false),
    )

    it.each(['require', 'verify-full'])('is refused by %s', mode =>
      expectRefused(
        `sslmode=${mode}`,
        {},
        /The server does not support SSL connections\. Set sslmode=disable in DATABASE_URL, or PGSSLMODE, or switch ssl on/,
      ),
    )
  })

  describe('of a server whose certificate is for its address', () => {
    beforeAll(() => present(forAddress))

    it.each([
      ['sslmode=disable', {}, false],
      ['sslmode=prefer', {}, true],
      ['sslmode=require', {}, true],
      ['', { PGSSLMODE: 'prefer' }, true],
      ['', { PGSSLMODE: 'require' }, true],
      ['sslmode=disable', { PGSSLMODE: 'require' }, false],
    ] as [string, Record<string, string>, boolean][])('"%s" and %j, encrypted: %s', expectConnected)

    it.each(['require', 'verify-ca', 'verify-full'])(
      '%s takes the certificate of the right CA',
      async mode => {
        await expectConnected(`sslmode=${mode}&sslrootcert=${file('forAddress.pem')}`, {}, true)
      },
    )

    it('takes all from the environment', () =>
      expectConnected('', { PGSSLMODE: 'verify-full', PGSSLROOTCERT: file('forAddress.pem') }, true))

    it('serves over it, by every connection of every worker', async () => {
      const env = { PGSSLMODE: 'verify-full', PGSSLROOTCERT: file('forAddress.pem'), WORKERS: '2' }
      const service = await start(server.url, env)
      await expectJson(await post(`${service.url}/texts`, { text: 'a' }), 201)
      await expectJson(await fetch(`${service.url}/tasks/`), 200)
      const { rows } = await sql.query(
        `SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'insertlab'`,
      )
      expect(rows).toEqual([{ ssl: true }])
    })

    it('does not start where the certificate is wrong, and says so in one line', async () => {
      const { service, errors } = await spawn(
        urlWith(`sslmode=verify-full&sslrootcert=${file('unknown.pem')}`),
      )
      expect(await service.ended).toEqual({ code: 1, signal: null })
      expect(errors()).toMatch(/^insertlab: the database cannot be used: [^\n]*\. Set sslrootcert [^\n]*\n$/)
    })

    it('joins the URL and the environment', () =>
      expectConnected('sslmode=verify-full', { PGSSLROOTCERT: file('forAddress.pem') }, true))

    it.each(['require', 'verify-ca', 'verify-full'])(
      '%s refuses the certificate of another CA',
      async mode => {
        await expectRefused(
          `sslmode=${mode}&sslrootcert=${file('unknown.pem')}`,
          {},
          /certificate[^\n]*\. Set sslrootcert in DATABASE_URL, or PGSSLROOTCERT, to the certificate of the CA, or sslmode=require/,
        )
      },
    )

    it('verify-full refuses a certificate that no public CA has signed', () =>
      expectRefused(
        'sslmode=verify-full',
        {},
        /self-signed certificate[^\n]*\. Set sslrootcert in DATABASE_URL/,
      ))

    it('verify-ca wants to know the CA', () =>
      expectRefused(
        'sslmode=verify-ca',
        {},
        /^sslmode=verify-ca needs the certificate of the CA\. Set sslrootcert/,
      ))

    it.each(['allow', 'no-verify', 'required'])('refuses sslmode=%s', mode =>
      expectRefused(
        `sslmode=${mode}`,
        {},
        new RegExp(
          `^sslmode cannot be "${mode}"\\. Set sslmode in DATABASE_URL, or PGSSLMODE, to one of disable, `,
        ),
      ),
    )

    it('names a file that is not there, and one that holds no certificate', async () => {
      await expectRefused(
        'sslmode=verify-full&sslrootcert=/none/ca.pem',
        {},
        /^the certificate file \/none\/ca\.pem cannot be read \(ENOENT\)\. Set sslrootcert/,
      )
      const key = file('forAddress.key')
      await expectRefused(
        `sslmode=require&sslcert=${key}&sslkey=${key}`,
        {},
        /Set sslrootcert, sslcert and sslkey to PEM/,
      )
    })
  })

  describe('of a server whose certificate is for another name', () => {
    beforeAll(() => present(forName))

    it('is reached by verify-ca', () =>
      expectConnected(`sslmode=verify-ca&sslrootcert=${file('forName.pem')}`, {}, true))

    it('is refused by verify-full', () =>
      expectRefused(
        `sslmode=verify-full&sslrootcert=${file('forName.pem')}`,
        {},
        /does not match certificate's altnames[^\n]*\. Connect by a host name that the certificate has, or set sslmode=verify-ca/,
      ))
  })

  it('of a server that takes nothing else', async () => {
    await present(forAddress)
    await letIn('hostnossl all all all reject')
    await expectConnected('sslmode=require', {}, true)
    await expectRefused(
      'sslmode=disable',
      {},
      /no encryption\. If pg_hba\.conf requires TLS, set sslmode=verify-full/,
    )
  })

  it('of a server that asks for a certificate of its client', async () => {
    await give('client-ca.pem', ofClient?.cert ?? '')
    await reload({ ssl_ca_file: 'client-ca.pem' })
    await letIn('hostssl all postgres all cert')
    const sslFiles = `sslcert=${file('ofClient.pem')}&sslkey=${file('ofClient.key')}`
    await expectConnected(`sslmode=verify-full&sslrootcert=${file('forAddress.pem')}&${sslFiles}`, {}, true)
    await expectConnected(
      '',
      {
        PGSSLMODE: 'verify-full',
        PGSSLROOTCERT: file('forAddress.pem'),
        PGSSLCERT: file('ofClient.pem'),
        PGSSLKEY: file('ofClient.key'),
      },
      true,
    )
    await expectRefused('sslmode=require', {}, /valid client certificate\. Set sslcert and sslkey/)
  })
})
