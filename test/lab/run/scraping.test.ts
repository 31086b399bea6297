import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { startScraping } from '../../../src/lab/run/scraping.ts'

test('every worker that /targets names is scraped in its turn, until the end', async () => {
  const asked: string[] = []
  const admin = createServer(({ url = '', headers: { host = '' } }, response) => {
    if (url === '/metrics') asked.push(host)
    const targets = [{ targets: [address] }, { targets: [`localhost:${port}`] }]
    response.end(url === '/targets' ? JSON.stringify(targets) : '# EOF\n')
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void admin.close())
  await once(admin, 'listening')
  const { port } = admin.address() as AddressInfo
  const address = `127.0.0.1:${port}`

  {
    using _ = await startScraping(`http://${address}`, 60)
    await expect.poll(() => asked.length).toBeGreaterThan(0)
    await sleep(200)
    expect(asked.splice(0)).toEqual([address])
  }
  {
    using _ = await startScraping(`http://${address}`, 0.4)
    await expect.poll(() => asked.length, { timeout: 10_000 }).toBeGreaterThan(3)
  }
  expect(asked.slice(0, 4)).toEqual([address, `localhost:${port}`, address, `localhost:${port}`])
  // One may be on its way.
  const atEnd = asked.length + 1
  await sleep(500)
  expect(asked.length).toBeLessThanOrEqual(atEnd)
})
