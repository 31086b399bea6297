import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { findFreePort } from '../../../src/lab/stack/free-port.ts'
import { spawnService, startService, waitUntilReady } from '../../../src/lab/stack/service-process.ts'
import { createDatabase } from '../../helpers/database.ts'
import { expectGone, processTree } from '../../helpers/processes.ts'

let database: Awaited<ReturnType<typeof createDatabase>>

beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database?.drop())

async function status(url: string): Promise<number> {
  const response = await fetch(url)
  await response.arrayBuffer()
  return response.status
}

describe('startService', () => {
  it('is ready when it resolves, and gone after stop', async () => {
    const service = await startService({ databaseUrl: database.url })
    expect(await status(`${service.url}/readyz`)).toBe(200)
    expect(await status(`${service.adminUrl}/metrics`)).toBe(200)
    const pids = await processTree(service.pid)

    await service.stop()
    await service.stop()
    await expectGone(pids)
    await expect(fetch(service.url)).rejects.toThrow()
  })

  it('takes ports and settings that are given', async () => {
    const port = await findFreePort()
    const service = await startService({
      databaseUrl: database.url,
      env: { PORT: String(port), INSERT_STRATEGY: 'prepared' },
    })
    expect(service.url).toBe(`http://127.0.0.1:${port}`)
    expect(await status(`${service.url}/test-insert`)).toBe(200)
    await service.stop()
  })

  it.runIf(existsSync('/proc/self/environ'))('keeps its own environment from the service', async () => {
    vi.stubEnv('OTEL_TRACES_SAMPLER', 'always_on')
    vi.stubEnv('PGSSLMODE', 'require')
    vi.stubEnv('WORKERS', '2')
    const service = await startService({ databaseUrl: database.url, env: { POOL_SIZE: '3' } })
    vi.unstubAllEnvs()
    const names = readFileSync(`/proc/${service.pid}/environ`, 'utf8')
      .split('\0')
      .map(assignment => assignment.split('=')[0])
    await service.stop()
    expect(names).toContain('POOL_SIZE')
    expect(names).not.toContain('OTEL_TRACES_SAMPLER')
    expect(names).not.toContain('PGSSLMODE')
    expect(names).not.toContain('WORKERS')
  })

  it.each([
    ['a wrong setting', { PORT: 'abc' }, /PORT/],
    ['an unreachable database', { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' }, /127\.0\.0\.1:1\b/],
  ])('quotes the service on %s', async (_, env, complaint) => {
    await expect(startService({ databaseUrl: database.url, env })).rejects.toMatchObject({
      code: 'LAB_SERVICE_START',
      message: expect.stringMatching(complaint),
    })
  })
})

describe('waitUntilReady', () => {
  it('asks again where an answer does not come', async () => {
    const port = await findFreePort()
    const leavesTheFirstUnanswered = `
      let asked = 0
      require('node:http')
        .createServer((_request, response) => asked++ > 0 && response.end())
        .listen(${port}, '127.0.0.1')`
    const program = await spawnService(
      { stdio: 'ignore' },
      { command: process.execPath, args: ['-e', leavesTheFirstUnanswered], cwd: import.meta.dirname },
    )
    onTestFinished(() => program.end())
    const state = await waitUntilReady(`http://127.0.0.1:${port}`, program, AbortSignal.timeout(25_000))
    expect(state).toBe('ready')
  })
})
