import { describe, expect, it } from 'vitest'
import { startApp } from '../helpers/app.ts'
import { metric } from '../helpers/gate.ts'
import { expectJson, expectProblem } from '../helpers/http.ts'

const ask = (url: string, path: string, count: number) =>
  Promise.all(Array.from({ length: count }, () => fetch(url + path)))

describe('RATE_LIMIT_PER_S', () => {
  it('refuses what a client asks beyond it, whatever it asks for, and takes it again later', async () => {
    const { url } = await startApp({ RATE_LIMIT_PER_S: 5 })
    const answers = (
      await Promise.all(['/ping/', '/nowhere', '/tasks/'].map(path => ask(url, path, 20)))
    ).flat()
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThan(0)
    for (const answer of refused) {
      expect(answer.headers.get('retry-after')).toBe('1')
      await expectProblem(answer, 429, 'rate_limited')
    }
    await expect.poll(async () => (await fetch(`${url}/ping/`)).status, { timeout: 10_000 }).toBe(200)
  })

  it.each([
    ['has an escape that cannot be decoded', '/%zz'],
    ['is too long', `/tasks/${'1'.repeat(5000)}`],
  ])('counts a path that %s, too', async (_, path) => {
    const app = await startApp({ RATE_LIMIT_PER_S: 1 })
    const statuses = (await ask(app.url, path, 20)).map(({ status }) => status)
    expect(new Set(statuses)).toEqual(new Set([400, 429]))
    expect(await metric(app, 'http_server_request_duration_seconds_count')).toBe(20)
  })

  it('lets health checks through', async () => {
    const { url } = await startApp({ RATE_LIMIT_PER_S: 1 })
    const answers = (await Promise.all(['/livez', '/readyz'].map(path => ask(url, path, 20)))).flat()
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  })

  it('stores nothing of what it refuses', async () => {
    const app = await startApp({ RATE_LIMIT_PER_S: 3 })
    const answers = await ask(app.url, '/test-insert', 30)
    const stored = answers.filter(({ status }) => status === 200).length
    expect(stored).toBeLessThan(30)
    expect(await app.sql('SELECT FROM simple_text')).toHaveLength(stored)
  })

  it('is in the metrics', async () => {
    const app = await startApp({ RATE_LIMIT_PER_S: 1 })
    await ask(app.url, '/ping/', 20)
    const series =
      'http_server_request_duration_seconds_count{http_request_method="GET",http_route="/ping/",http_response_status_code="429"'
    const lines = (await app.telemetry.registry.metrics()).split('\n').filter(line => line.startsWith(series))
    expect(lines, await app.telemetry.registry.metrics()).toHaveLength(1)
    expect(await metric(app, 'http_server_request_duration_seconds_count')).toBe(20)
  })

  it('is off unless asked for', async () => {
    const { url } = await startApp()
    const answers = await ask(url, '/ping/', 200)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    for (const { headers } of answers) expect([...headers.keys()].join()).not.toContain('ratelimit')
    await expectJson(await fetch(`${url}/ping/`), 200)
  })
})
