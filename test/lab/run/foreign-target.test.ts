import { expect, test } from 'vitest'
import { closed, labelOf, type Step } from '../../../src/lab/experiments/experiment.ts'
import { stepsForForeignTarget } from '../../../src/lab/run/foreign-target.ts'

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
