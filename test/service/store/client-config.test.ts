import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { readConfig } from '../../../src/service/config.ts'
import { clientConfig } from '../../../src/service/store/client-config.ts'
import { createDatabase } from '../../helpers/database.ts'

let database: Awaited<ReturnType<typeof createDatabase>>

beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

/** The settings of a session that the service would open. */
async function sessionOf(query: string, env: Record<string, string> = {}) {
  const client = new pg.Client(clientConfig(readConfig({ DATABASE_URL: `${database.url}?${query}`, ...env })))
  await client.connect()
  try {
    const { rows } = await client.query(
      `SELECT ${['synchronous_commit', 'statement_timeout', 'work_mem', 'search_path', 'application_name']
        .map(name => `current_setting('${name}') AS ${name}`)
        .join(', ')}`,
    )
    return rows[0]
  } finally {
    await client.end()
  }
}

const defaults = {
  synchronous_commit: 'on',
  statement_timeout: '10s',
  work_mem: '4MB',
  search_path: '"$user", public',
  application_name: 'insertlab',
}

describe('clientConfig', () => {
  it('asks for what the service is configured for', async () => {
    expect(await sessionOf('')).toEqual(defaults)
    expect(await sessionOf('', { SYNCHRONOUS_COMMIT: 'local', REQUEST_DEADLINE_MS: '700' })).toEqual({
      ...defaults,
      synchronous_commit: 'local',
      statement_timeout: '700ms',
    })
  })

  it.each([
    ['options of the URL', 'options=-c%20work_mem%3D8MB', {}],
    ['options of the URL with a plus', 'options=-c+work_mem%3D8MB', {}],
    ['options of the URL in the long form', 'options=--work_mem%3D8MB', {}],
    ['PGOPTIONS', '', { PGOPTIONS: '-c work_mem=8MB' }],
  ])('keeps its own settings beside %s', async (_, query, env) => {
    expect(await sessionOf(query, { SYNCHRONOUS_COMMIT: 'off', ...env })).toEqual({
      ...defaults,
      synchronous_commit: 'off',
      work_mem: '8MB',
    })
  })

  it('joins the options of the URL and PGOPTIONS; the URL wins where both set the same', async () => {
    const env = { PGOPTIONS: '-c work_mem=8MB -c search_path=a' }
    expect(await sessionOf('options=-c%20search_path%3Db', env)).toEqual({
      ...defaults,
      work_mem: '8MB',
      search_path: 'b',
    })
  })

  it('lets the user’s options win, so that the start can see that they differ', async () => {
    const query = 'options=-c%20synchronous_commit%3Doff%20-c%20statement_timeout%3D5s'
    expect(await sessionOf(query)).toEqual({
      ...defaults,
      synchronous_commit: 'off',
      statement_timeout: '5s',
    })
  })

  it('keeps the other parameters of the URL', async () => {
    expect(await sessionOf('application_name=mine&statement_timeout=900')).toEqual({
      ...defaults,
      application_name: 'mine',
      statement_timeout: '900ms',
    })
  })

  it('keeps PGAPPNAME', async () => {
    vi.stubEnv('PGAPPNAME', 'theirs')
    expect(await sessionOf('')).toEqual({ ...defaults, application_name: 'theirs' })
    vi.unstubAllEnvs()
  })

  it('leaves to pg what neither URL nor configuration says', () => {
    expect(clientConfig(readConfig({}))).toEqual({
      fallback_application_name: 'insertlab',
      options: '-c synchronous_commit=on -c statement_timeout=10000',
      types: { getTypeParser: expect.any(Function) },
    })
  })

  it.each([
    ['a # in the password', 'postgresql://app:hunter#2@db/texts', /it holds a #/],
    ['a # after digits', 'postgresql://app:12#hunter@db/texts', /it holds a #/],
    ['a / in the password', 'postgresql://app:hunter/2@db/texts', /Invalid URL/],
    ['a port that is none', 'postgresql://app:hunter2@db:port/texts', /Invalid URL/],
  ])('refuses a URL with %s, and does not repeat the password', (_, url, why) => {
    const read = () => clientConfig(readConfig({ DATABASE_URL: url }))
    expect(read).toThrow(expect.objectContaining({ name: 'StartError', message: expect.stringMatching(why) }))
    expect(read).toThrow(/^DATABASE_URL cannot be read: [^\n]* Write the characters # [^\n]*$/)
    expect(read).not.toThrow(/hunter/)
  })

  it('names a certificate file that cannot be read', () => {
    expect(() =>
      clientConfig(readConfig({ DATABASE_URL: `${database.url}?sslrootcert=/none/ca.pem` })),
    ).toThrow(
      expect.objectContaining({
        name: 'StartError',
        message: expect.stringMatching(
          /^the certificate file \/none\/ca\.pem cannot be read \(ENOENT\)\. Set sslrootcert/,
        ),
      }),
    )
  })
})
