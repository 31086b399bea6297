import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { startScraping } from '../../../src/lab/run/scraping.ts'

test('every worker that /targets names is scraped, until the end', async () => {
  const asked: string[] = []
  const admin = createServer(({ url = '' }, response) => {
    asked.push(url)
    const targets = [{ targets: [`${address}`] }]
    response.end(url === '/targets' ? JSON.stringify(targets) : '# EOF\n')
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void admin.close())
  await once(admin, 'listening')
  const address = `127.0.0.1:${(admin.address() as AddressInfo).port}`

  const scrapes = () => asked.filter(url => url === '/metrics').length
  {
    using _ = await startScraping(`http://${address}`, 0.02)
    await expect.poll(scrapes).toBeGreaterThan(2)
  }
  // One may be on its way.
  const atEnd = scrapes() + 1
  await new Promise(resolve => setTimeout(resolve, 100))
  expect(scrapes()).toBeLessThanOrEqual(atEnd)
})
