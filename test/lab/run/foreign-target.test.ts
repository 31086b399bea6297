import { once } from 'node:events'
import { createServer } from 'node:https'
import { expect, test } from 'vitest'
import { closed, labelOf, type Step } from '../../../src/lab/experiments/experiment.ts'
import { foreignTestBed, stepsForForeignTarget } from '../../../src/lab/run/foreign-target.ts'
import { selfSigned } from '../../helpers/certificate.ts'

const step: Step = {
  variant: 'batched',
  knobs: { strategy: 'batched' },
  service: { INSERT_STRATEGY: 'batched' },
  control: { name: 'off', service: { TELEMETRY: 'off' }, windows: 2 },
  postgres: { max_connections: '200' },
  load: closed(8),
  requests: [{ path: '/test-insert' }],
}

test('on a service that someone else runs no knob is left, and no control', () => {
  const [foreign] = stepsForForeignTarget([step])
  expect(foreign).toEqual({
    variant: '/test-insert',
    knobs: {},
    load: closed(8),
    requests: [{ path: '/test-insert' }],
  })
})

test('steps that differ only in knobs are one there', () => {
  const steps = [step, { ...step, variant: 'single' }, { ...step, load: closed(16) }]
  expect(stepsForForeignTarget(steps).map(labelOf)).toEqual([
    '/test-insert, 8 connections',
    '/test-insert, 16 connections',
  ])
})

const certificate = selfSigned()

test.skipIf(certificate === null)(
  'a self-signed certificate is refused, unless any is accepted',
  async () => {
    const server = createServer(certificate ?? {}, (_, response) => response.end('ok')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const url = `https://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    try {
      await expect(foreignTestBed(url, null, false)).rejects.toMatchObject({
        message: expect.stringMatching(/a certificate that is not accepted: .*self-signed/),
        remedy: '--insecure accepts any certificate.',
      })
      await using bed = await foreignTestBed(url, null, true)
      expect(await bed.prepare(step)).toMatchObject({
        target: { url, connection: { insecure: true }, apiPids: [] },
      })
    } finally {
      server.closeAllConnections()
      await once(server.close(), 'close')
    }
  },
)
