import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import { startOtlpReceiver } from '../fixtures/otlp-receiver.ts'
import { createConnectedDatabase } from '../helpers/database.ts'
import { exchange, post, send } from '../helpers/http.ts'
import { spawn, start } from '../helpers/service.ts'

/** Every secret of this file has it in its name. */
const planted = 'planted'

/**
 * Plants a secret wherever a user or an operator has one, makes requests that succeed and that fail in many ways, and
 * looks for it in all that the service tells anybody but the client that sent it.
 */
test('no secret is in logs, traces, metrics, profiles or lines of a failed start', async () => {
  const database = await createConnectedDatabase()
  onTestFinished(() => database.drop())
  const role = `secretive_${process.pid}`
  await database.sql.query(
    `CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD 'planted-password'; CREATE ROLE ${role}_owner SUPERUSER LOGIN PASSWORD 'planted-owner'`,
  )
  onTestFinished(async () => {
    await database.sql.query(`DROP OWNED BY ${role}, ${role}_owner; DROP ROLE ${role}, ${role}_owner`)
  })
  const databaseUrl = new URL(database.url)
  databaseUrl.username = role
  databaseUrl.password = 'planted-password'
  const environment = {
    MIGRATION_USER: `${role}_owner`,
    MIGRATION_PASSWORD: 'planted-owner',
    ADMIN_TOKEN: 'planted-admin-token',
    ACCESS_LOG: 'on',
    LOG_LEVEL: 'trace',
    OTEL_TRACES_SAMPLER: 'always_on',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=planted-collector',
  }
  await using receiver = await startOtlpReceiver()
  const { url, service, adminPort, errors } = await start(databaseUrl.href, {
    ...environment,
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
  })
  const log: string[] = []
  createInterface({ input: service.child.stdout ?? Readable.from([]) }).on('line', line => log.push(line))

  const headers = { authorization: 'Bearer planted-bearer', cookie: 'session=planted-cookie' }
  const query = 'access_token=planted-query'
  const paths = [
    '/ping/',
    '/test-insert',
    '/tasks/',
    '/tasks/1',
    '/readyz',
    '/nowhere',
    '/texts',
    '/docs/',
    '/%zz',
  ]
  const sendAll = async () => {
    for (const path of paths) await fetch(`${url}${path}?${query}`, { headers })
    await fetch(`${url}/tasks/?after=planted-cursor`, { headers })
    await fetch(`${url}/test-insert?strategy=planted-strategy`, { headers })
    for (const body of ['{"text":"planted-text"}', '{"text":"planted\\u0000"}', '{planted', '[1]']) {
      await send('POST', `${url}/texts?${query}`, body, { headers })
      await send('POST', `${url}/texts/bulk?${query}`, body, {
        headers: { 'content-type': 'application/x-ndjson' },
      })
      await send('POST', `${url}/tasks/?${query}`, body.replace('text', 'title'), { headers })
    }
    await exchange(url, `GET /?${query} HTTP/9.9\r\nauthorization: planted-raw\r\n\r\n`)
  }
  await sendAll()
  // A statement that fails as nobody foresaw: PostgreSQL's complaint has the row in it.
  await database.sql.query(`ALTER TABLE simple_text ADD CHECK (text <> 'planted-refused'); DROP TABLE tasks`)
  await post(`${url}/texts`, { text: 'planted-refused' }, { headers })
  expect((await fetch(`${url}/tasks/?${query}`, { headers })).status).toBe(500)
  // A database that goes away in the middle, and one that is not there.
  await database.sql.query(`
    ALTER ROLE ${role} NOLOGIN;
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`)
  await sendAll()

  const admin = { headers: { authorization: 'Bearer planted-admin-token' } }
  const told: string[] = []
  for (const path of ['/metrics', '/targets', '/debug/cpu-profile?seconds=0.2', '/nowhere']) {
    told.push(await (await fetch(`http://127.0.0.1:${adminPort}${path}`, admin)).text())
  }
  expect(told[0]).toContain('http_server_request_duration_seconds_count')
  service.child.kill('SIGTERM')
  await service.ended
  await expect.poll(() => receiver.text()).toContain('"GET /tasks/:id"')

  const ofUrl = (change: (url: string) => string) => ({ DATABASE_URL: change(databaseUrl.href) })
  const failing: Record<string, string>[] = [
    { ADMIN_TOKEN: 'planted short' },
    ofUrl(right => right),
    ofUrl(right => right.replace('planted-password', 'planted#password')),
    ofUrl(right => right.replace('planted-password', 'planted/password')),
    ofUrl(right => right.replace('planted-password', 'planted-password@planted')),
    ofUrl(right => right.replace('postgresql:', 'planted:')),
    ofUrl(right => `${right}?options=-c%20nothing.like%3Dthis%20-c%20planted`),
    { ...ofUrl(() => database.url), MIGRATION_PASSWORD: 'planted-wrong' },
  ]
  const failedStarts: string[] = []
  for (const env of failing) {
    const failed = await spawn(databaseUrl.href, { ...environment, ...env })
    expect((await failed.service.ended).code).toBe(1)
    failedStarts.push(failed.errors(), failed.log())
  }

  const everything = { log, errors: errors(), traces: receiver.text(), told, failedStarts }
  expect(log.length).toBeGreaterThan(50)
  expect(log.some(line => line.includes('request failed'))).toBe(true)
  expect(JSON.stringify(everything).match(new RegExp(`.{0,80}${planted}.{0,40}`, 'g'))).toBeNull()
})
