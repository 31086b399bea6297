import { expect, it } from 'vitest'
import { startApp } from '../helpers/app.ts'
import { expectJson, RawClient } from '../helpers/http.ts'

it('a client that never finishes its headers is told so and disconnected', async () => {
  const app = await startApp()
  const client = await RawClient.connect(app.url)
  await client.write('GET /ping/ HTTP/1.1\r\nhost: x\r\nunfinished: ')
  // Node's `headersTimeout` is a minute, looked at twice a minute.
  const answer = await client.untilClosed()
  expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n[\s\S]*"request_timeout"/)
  await expectJson(await fetch(`${app.url}/ping/`), 200)
})
