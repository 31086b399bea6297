import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { waitUntilReady } from '../../src/lab/stack/service-process.ts'
import { createDatabase } from '../helpers/database.ts'
import { spawn } from '../helpers/service.ts'
import { send, sendAll } from '../telemetry/requests.ts'

const requests = 12_000
const connections = 64

interface SampledCall {
  readonly selfSize: number
  readonly children: readonly SampledCall[]
}

/**
 * What a request allocates should be gone with the next collection of the young generation. Where old garbage still refers
 * to it, it is kept until a full collection, which once doubled the CPU of an insert.
 */
test('of what requests allocate, next to nothing lives until a full garbage collection', {
  retry: 0,
}, async () => {
  const database = await createDatabase()
  const { url, service, errors } = await spawn(database.url, {}, ['--inspect=127.0.0.1:0'])
  onTestFinished(async () => {
    await service.end()
    await database.drop()
  })
  await waitUntilReady(`${url}/readyz`, service, AbortSignal.timeout(60_000))
  const load = () =>
    sendAll(Array(requests).fill('/test-insert'), connections, (agent, path) => send(agent, url + path))
  await load()
  const socket = new WebSocket(/ws:\S+/.exec(errors())?.[0] ?? '')
  await once(socket, 'open')
  await ask(socket, 'HeapProfiler.startSampling', {
    samplingInterval: 8192,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: false,
  })
  const answers = await load()
  expect(answers.every(({ status }) => status === 200)).toBe(true)
  const { profile } = await ask<{ profile: { head: SampledCall } }>(socket, 'HeapProfiler.stopSampling')
  socket.close()
  const keptBytes = sizeOf(profile.head) / requests
  console.log({ keptBytesPerRequest: Math.round(keptBytes) })
  // It is some 400. With all open requests in one Set it was 6,000.
  expect(keptBytes).toBeLessThan(1000)
})

function sizeOf({ selfSize, children }: SampledCall): number {
  return children.reduce((sum, child) => sum + sizeOf(child), selfSize)
}

/** The tests ask one question at a time. */
async function ask<T>(socket: WebSocket, method: string, params: object = {}): Promise<T> {
  socket.send(JSON.stringify({ id: 1, method, params }))
  const [{ data }] = (await once(socket, 'message')) as [{ data: string }]
  return (JSON.parse(data) as { result: T }).result
}
