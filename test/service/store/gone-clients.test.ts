import { expect, it } from 'vitest'
import { insertStrategyNames } from '../../../src/service/store/inserts/insert-strategy.ts'
import { startApp } from '../../helpers/app.ts'
import { metric } from '../../helpers/gate.ts'
import { expectJson, post, RawClient } from '../../helpers/http.ts'

const leavers = 20
const requests = [
  ...insertStrategyNames.flatMap(strategy =>
    [1, 3].map(rows => ({
      name: `${strategy}, ${rows} rows`,
      request: `GET /test-insert?strategy=${strategy}&rows=${rows} HTTP/1.1\r\nhost: x\r\n\r\n`,
    })),
  ),
  { name: 'a task', request: withBody('/tasks/', 'application/json', '{"title":"nobody waits for this"}') },
  {
    name: 'a stream',
    request: withBody('/texts/bulk', 'application/x-ndjson', '{"text":"nobody waits for this"}\n'),
  },
]

it.each(requests)(
  'clients that go away before a connection is free store nothing: $name',
  async ({ request }) => {
    const app = await startApp({ POOL_SIZE: 1 })
    const session = await app.store.database.acquire()
    const clients = await Promise.all(
      Array.from({ length: leavers }, async () => {
        const client = await RawClient.connect(app.url)
        await client.write(request)
        return client
      }),
    )
    await expect.poll(() => metric(app, 'http_server_active_requests')).toBe(leavers)
    for (const client of clients) client.destroy()
    await expect.poll(() => metric(app, 'http_server_active_requests')).toBe(0)
    session.release()

    await expectJson(await post(`${app.url}/texts`, { text: 'after' }), 201)
    expect(app.store.database.counts()).toMatchObject({ used: 0, pending: 0 })
    expect(await app.sql('SELECT text FROM simple_text')).toEqual([{ text: 'after' }])
    expect(await app.sql('SELECT FROM tasks')).toEqual([])
  },
)

function withBody(path: string, type: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}
