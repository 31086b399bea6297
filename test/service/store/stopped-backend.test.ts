import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { insertStrategyNames } from '../../../src/service/store/inserts/insert-strategy.ts'
import { type RunningApp, startApp } from '../../helpers/app.ts'
import { expectJson, expectProblem, post, RawClient, send } from '../../helpers/http.ts'

/**
 * A server that hangs: the service's one connection is open, and nothing is heard from it any more. The backend is
 * stopped while it waits for the service. Anywhere else it may hold a lock that all others need, and PostgreSQL as a
 * whole would hang.
 */
async function stopBackend(app: RunningApp): Promise<void> {
  const read = async () => {
    const [backend] = await app.sql(
      `SELECT pid, wait_event FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'insertlab'`,
    )
    return { pid: backend?.['pid'] as number, waitEvent: backend?.['wait_event'] }
  }
  const { pid } = await read()
  onTestFinished(() => void process.kill(pid, 'SIGCONT'))
  for (;;) {
    process.kill(pid, 'SIGSTOP')
    // Once the backend is stopped, what it waits for does not change any more.
    if ((await read()).waitEvent === 'ClientRead') return
    process.kill(pid, 'SIGCONT')
    await sleep(5)
  }
}

const impatient = { POOL_SIZE: 1, REQUEST_DEADLINE_MS: 2500 }
const untilFree = (app: RunningApp) =>
  expect.poll(() => app.store.database.counts()).toMatchObject({ used: 0, pending: 0 })

it.each(insertStrategyNames)('a hanging server does not keep a request: %s', async strategy => {
  const app = await startApp(impatient)
  await expectJson(await fetch(`${app.url}/test-insert?strategy=${strategy}`), 200)
  await stopBackend(app)
  // COPY's statement is the third one of a transaction, whose first one is not answered.
  const code = strategy === 'copy' ? 'database_unavailable' : 'outcome_unknown'
  await expectProblem(await fetch(`${app.url}/test-insert?strategy=${strategy}`), 503, code)
  await untilFree(app)
  await expectJson(await fetch(`${app.url}/test-insert?strategy=${strategy}`), 200)
})

const line = (text: string) => `${JSON.stringify({ text })}\n`
const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
const head =
  'POST /texts/bulk HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n'

it.each([
  ['while the client still sends', ''],
  ['when the client has sent all', '0\r\n\r\n'],
])('a server that hangs in the middle of a COPY does not keep a request, %s', async (_, end) => {
  const app = await startApp(impatient)
  const client = await RawClient.connect(app.url)
  const part = chunk(line('x'.repeat(1000)).repeat(1000))
  await client.write(head + part)
  // Before its COPY the backend waits for the service too.
  const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%'
    AND state = 'active' AND wait_event = 'ClientRead'`
  await expect.poll(() => app.sql(waiting), { interval: 5 }).toHaveLength(1)
  await stopBackend(app)
  // The kernel's buffers may take dozens of megabytes before anybody has to wait.
  const sendMore = () => {
    if (client.socket.writableLength < part.length) client.socket.write(part)
  }
  const sending = end === '' ? setInterval(sendMore, 5) : undefined
  if (end !== '') client.socket.write(part + end)
  onTestFinished(() => {
    clearInterval(sending)
    client.destroy()
  })
  await expect.poll(() => client.received).toMatch(/^HTTP\/1\.1 503 [\s\S]*"database_unavailable"/)
  await untilFree(app)
  const bulk = await send('POST', `${app.url}/texts/bulk`, line('another'), {
    headers: { 'content-type': 'application/x-ndjson' },
  })
  await expectJson(bulk, 201)
  await expectJson(await post(`${app.url}/texts`, { text: 'after' }), 201)
  expect(await app.sql('SELECT text FROM simple_text ORDER BY id DESC')).toEqual([
    { text: 'after' },
    { text: 'another' },
  ])
})
