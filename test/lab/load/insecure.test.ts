import { createServer } from 'node:https'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { installedGenerators } from '../../../src/lab/load/choose.ts'
import { requireSuccess } from '../../../src/lab/load/first-request.ts'
import { selfSigned } from '../../helpers/certificate.ts'
import { listening } from '../../helpers/listening.ts'

const certificate = selfSigned()
const { signal } = new AbortController()
let server: Awaited<ReturnType<typeof listening>>
let baseUrl = ''

beforeAll(async () => {
  server = await listening(createServer(certificate ?? {}, (_, response) => response.end('ok')))
  baseUrl = `https://${server.host}`
})
afterAll(() => server[Symbol.asyncDispose]())

test.skipIf(certificate === null)(
  'the check refuses a self-signed certificate, and says what accepts it',
  async () => {
    await expect(requireSuccess(baseUrl, { path: '/' }, signal)).rejects.toMatchObject({
      message: expect.stringMatching(/does not answer: .*self-signed certificate/),
      remedy: '--insecure accepts any certificate.',
    })
    await expect(requireSuccess(baseUrl, { path: '/' }, signal, { insecure: true })).resolves.toBeUndefined()
  },
)

test.skipIf(certificate === null).each(installedGenerators())(
  '$name accepts it where it is told to',
  async generator => {
    const shape = { mode: 'closed', connections: 1 } as const
    const plan = { baseUrl, requests: [{ path: '/' }], shape, warmupS: 0, durationS: 1, insecure: true }
    const { succeeded, failed } = await generator.run(plan, { signal, onLive: () => {}, onWindow: () => {} })
    expect(succeeded).toBeGreaterThan(0)
    expect(failed).toBe(0)
  },
)
