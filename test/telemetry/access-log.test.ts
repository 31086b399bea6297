import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, openSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findFreePort } from '../../src/lab/stack/free-port.ts'
import { startOtlpReceiver } from '../fixtures/otlp-receiver.ts'
import { createConnectedDatabase } from '../helpers/database.ts'
import { repository } from '../programs.ts'
import { send, sendAll } from './requests.ts'
import { traceOf } from './traced-service.ts'

let database: Awaited<ReturnType<typeof createConnectedDatabase>>
beforeAll(async () => {
  database = await createConnectedDatabase()
  await database.sql.query(`INSERT INTO tasks (title) SELECT 'a' FROM generate_series(1, 4000)`)
})
afterAll(() => database.drop())

function spawnService(env: Record<string, string>, stdout: 'pipe' | number = 'pipe'): ChildProcess {
  return spawn(process.execPath, ['--import', './src/telemetry/register.ts', 'src/service/server.ts'], {
    cwd: repository,
    env: { DATABASE_URL: database.url, ADMIN_PORT: '0', ...env },
    stdio: ['ignore', stdout, 'inherit'],
  })
}

interface Logging extends AsyncDisposable {
  url: string
  /** What has been written to standard output so far. */
  output(): string
  /** SIGTERM; resolves with all that it ever wrote. */
  end(): Promise<string>
}

/** The lab keeps only the newest output of a service; here every byte counts. */
async function startLogging(env: Record<string, string>): Promise<Logging> {
  const port = await findFreePort()
  const child = spawnService({ PORT: String(port), ...env })
  const closed = once(child, 'close')
  const chunks: Buffer[] = []
  child.stdout?.on('data', chunk => chunks.push(chunk))
  const output = () => Buffer.concat(chunks).toString()
  const end = async () => {
    child.kill('SIGTERM')
    await closed
    return output()
  }
  await expect.poll(output).toContain('"the service listens"')
  return {
    url: `http://127.0.0.1:${port}`,
    output,
    end,
    [Symbol.asyncDispose]: async () => void (await end()),
  }
}

interface Line {
  event: string
  time: number
  method: string
  path: string
  status: number
  durationMs: number
  cpuUs: number | null
  traceId?: string
}

/** Every line of the output is JSON; those of requests have the event `request`. */
function requestLines(output: string): Line[] {
  expect(output.endsWith('\n')).toBe(true)
  const lines = output.slice(0, -1).split('\n')
  return lines.map(line => JSON.parse(line) as Line).filter(line => line.event === 'request')
}

const paths = (count: number) => Array.from({ length: count }, (_, i) => `/tasks/${i + 1}`)

describe.each(['on', 'sync'])('ACCESS_LOG=%s', mode => {
  it('writes a JSON line for every request, and loses none at SIGTERM', async () => {
    await using service = await startLogging({ ACCESS_LOG: mode })
    await sendAll(paths(1_000), 32, (agent, path) => send(agent, service.url + path))
    const lines = requestLines(await service.end())
    expect(lines.map(({ path }) => path).sort()).toEqual(paths(1_000).sort())
    for (const line of lines) {
      expect(line).toMatchObject({ method: 'GET', status: 200 })
      expect(line.durationMs).toBeGreaterThan(0)
      expect(String(line.durationMs)).toMatch(/^\d+(\.\d{1,3})?$/)
      expect(line.cpuUs).toBeGreaterThan(0)
      expect(Math.abs(line.time - Date.now())).toBeLessThan(120_000)
      expect(line).not.toHaveProperty('traceId')
    }
  })

  it('answers what it has taken, and writes that too, when the signal comes in the middle', async () => {
    await using service = await startLogging({ ACCESS_LOG: mode })
    const answered: string[] = []
    let ending: Promise<string> | undefined
    await sendAll(paths(4_000), 32, async (agent, path) => {
      try {
        const { status } = await send(agent, service.url + path)
        if (status === 200) answered.push(path)
      } catch {
        // Refused, because the service no longer listens.
      }
      if (answered.length >= 500) ending ??= service.end()
    })
    const logged = requestLines((await ending) ?? '')
      .filter(({ status }) => status === 200)
      .map(({ path }) => path)
    expect(answered.length).toBeGreaterThanOrEqual(500)
    expect(logged.sort()).toEqual(answered.sort())
  })
})

it('writes what it has buffered soon, also where no more comes', async () => {
  await using service = await startLogging({ ACCESS_LOG: 'on' })
  await sendAll(paths(20), 1, (agent, path) => send(agent, service.url + path))
  await expect.poll(() => requestLines(service.output()).length).toBe(20)
})

it.skipIf(!existsSync('/dev/full')).each(['off', 'on', 'sync'])(
  'loses its lines, and the service goes on, where the disk of the output is full: ACCESS_LOG=%s',
  async ACCESS_LOG => {
    const port = await findFreePort()
    const child = spawnService({ PORT: String(port), ACCESS_LOG }, openSync('/dev/full', 'w'))
    const closed = once(child, 'close')
    const url = `http://127.0.0.1:${port}`
    await expect
      .poll(() =>
        fetch(`${url}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        ),
      )
      .toBe(true)
    const statuses = await sendAll(
      paths(500),
      8,
      async (agent, path) => (await send(agent, url + path)).status,
    )
    expect(new Set(statuses)).toEqual(new Set([200]))
    child.kill('SIGTERM')
    expect(await closed).toEqual([0, null])
  },
)

it('keeps a limited amount in memory where nobody reads the output', async () => {
  const program = `
    import { createAccessLog } from './src/telemetry/access-log.ts'
    const log = createAccessLog('on')
    const path = '/' + 'a'.repeat(1_000)
    for (let i = 0; i < 100_000; i++) log.write({ method: 'GET', path, status: 200, durationMs: 1, cpuUs: null })
    gc()
    process.send(process.memoryUsage().heapUsed / 1e6)`
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', program], {
    cwd: repository,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const [usedMb] = await once(child, 'message')
  child.kill('SIGKILL')
  expect(usedMb).toBeLessThan(50)
})

it('names the trace of a sampled request', async () => {
  await using receiver = await startOtlpReceiver()
  await using service = await startLogging({
    ACCESS_LOG: 'on',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_TRACES_SAMPLER_ARG: '0.5',
  })
  const traces = await sendAll(paths(60), 4, async (agent, path) => {
    const { headers } = await send(agent, service.url + path)
    return { path, traceId: traceOf(headers['traceparent'])?.traceId }
  })
  const lines = requestLines(await service.end())
  const logged = new Map(lines.map(({ path, traceId }) => [path, traceId]))
  for (const { path, traceId } of traces) expect(logged.get(path)).toBe(traceId)
  const sampled = traces.flatMap(({ traceId }) => traceId ?? [])
  expect(sampled.length).toBeGreaterThan(0)
  expect(sampled.length).toBeLessThan(60)
  expect(receiver.spans().map(span => span.traceId)).toEqual(expect.arrayContaining(sampled))
})

it('names the trace of a request that failed, also where the access log is off', async () => {
  await using receiver = await startOtlpReceiver()
  await using service = await startLogging({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_TRACES_SAMPLER_ARG: '1',
  })
  await database.sql.query('ALTER TABLE tasks RENAME TO elsewhere')
  const { status, headers } = await fetch(`${service.url}/tasks/1`)
  await database.sql.query('ALTER TABLE elsewhere RENAME TO tasks')
  expect(status).toBe(500)
  const traceId = traceOf(headers.get('traceparent') ?? undefined)?.traceId
  expect(traceId).toBeDefined()
  const failed = (await service.end()).split('\n').filter(line => line.includes('"request failed"'))
  expect(failed).toHaveLength(1)
  expect(failed[0]).toContain(traceId)
  expect(receiver.spans().map(span => span.traceId)).toContain(traceId)
})

it('works without any telemetry, and then has no CPU figure', async () => {
  await using service = await startLogging({ ACCESS_LOG: 'on', TELEMETRY: 'off' })
  await sendAll(paths(10), 2, (agent, path) => send(agent, service.url + path))
  const lines = requestLines(await service.end())
  expect(lines).toHaveLength(10)
  expect(lines.every(({ cpuUs }) => cpuUs === null)).toBe(true)
})

it('is off unless asked for', async () => {
  await using service = await startLogging({})
  await sendAll(paths(10), 2, (agent, path) => send(agent, service.url + path))
  expect(requestLines(await service.end())).toEqual([])
})
