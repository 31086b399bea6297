import { expect, onTestFinished } from 'vitest'
import { findFreePort } from '../../src/lab/stack/free-port.ts'
import type { GuardedProcess } from '../../src/lab/stack/janitor.ts'
import { keepTail } from '../../src/lab/stack/output-tail.ts'
import { ownService, spawnService, waitUntilReady } from '../../src/lab/stack/service-process.ts'

export interface ServiceUnderTest {
  readonly url: string
  /** With several workers, the first of as many ports more. */
  readonly adminPort: number
  readonly service: GuardedProcess
  /** What it wrote to standard error. */
  errors(): string
  /** What it wrote to standard output: its log. */
  log(): string
}

/** Room for the admin ports of this many workers. */
const adminPorts = 16

/** Runs the service as `npm start` does, whatever becomes of it, and ends it with the test. */
export async function spawn(
  databaseUrl: string,
  env: Record<string, string> = {},
  nodeOptions: readonly string[] = [],
): Promise<ServiceUnderTest> {
  const port = env['PORT'] ?? String(await findFreePort())
  const adminPort = env['ADMIN_PORT'] ?? String(await findFreePort(adminPorts))
  const service = await spawnService(
    {
      env: {
        PATH: process.env['PATH'],
        DATABASE_URL: databaseUrl,
        ...env,
        PORT: port,
        ADMIN_PORT: adminPort,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
    ownService(nodeOptions),
  )
  onTestFinished(() => service.end())
  return {
    url: `http://127.0.0.1:${port}`,
    adminPort: Number(adminPort),
    service,
    errors: keepTail(service.child.stderr),
    log: keepTail(service.child.stdout),
  }
}

/** {@link spawn}, and waits until it is ready. */
export async function start(
  databaseUrl: string,
  env: Record<string, string> = {},
  nodeOptions: readonly string[] = [],
): Promise<ServiceUnderTest> {
  const started = await spawn(databaseUrl, env, nodeOptions)
  const state = await waitUntilReady(`${started.url}/readyz`, started.service, AbortSignal.timeout(60_000))
  expect({ state, errors: started.errors() }).toEqual({ state: 'ready', errors: '' })
  // One worker of several makes the service ready; these tests want them all.
  if (Number(env['WORKERS'] ?? 1) > 1) {
    await expect.poll(() => started.log(), { timeout: 60_000 }).toContain('the workers listen')
  }
  return started
}
