import { expect, test } from 'vitest'
import { closed, type Step } from '../../../src/lab/experiments/experiment.ts'
import { type Profiled, sampleOf } from '../../../src/lab/run/sample.ts'
import { observation, unread } from './observation.ts'

const step: Step = { variant: 'insert', knobs: {}, load: closed(4), requests: [{ path: '/' }] }
const generator = { name: 'undici' } as const

/** A window in which each request took so many us of API CPU. */
function costing(apiUs: number, change: Partial<Profiled> = {}): Profiled {
  return observation({ cpuUs: { ...unread, api: apiUs * 2000 }, ...change })
}

const audit = {
  ...{ windowRows: 1000, windowFound: 1100, exactRows: 64, exactFound: 64 },
  ...{ ids: 64, idsFound: 64 },
}

test('a step that was profiled once has the layers of that repeat, scaled to it', () => {
  const shares = new Map([
    ['pg', 0.75],
    ['fastify', 0.25],
  ])
  const profile = { shares, agreement: 0.9, file: 'a.cpuprofile' }
  const { layersUs, cpuPerRequestUs } = sampleOf(step, generator, 2, [
    costing(100, { profile }),
    costing(200),
    costing(300),
  ])
  expect(cpuPerRequestUs.api).toMatchObject({ median: 200, repeats: 3 })
  expect(layersUs?.['pg']).toMatchObject({ median: 75, repeats: 1 })
  expect(layersUs?.['fastify']).toMatchObject({ median: 25, repeats: 1 })
  expect(sampleOf(step, generator, 2, [costing(100)]).layersUs).toBeUndefined()
})

test('the audits of all repeats are added up, and what the service ran on is told once', () => {
  const audited = costing(100, { audit, versions: 'Node 24.0.0' })
  const sample = sampleOf(step, generator, 2, [audited, { ...audited, audit: { ...audit, exactFound: 63 } }])
  expect(sample.versions).toBe('Node 24.0.0')
  expect(sample.audit).toEqual({
    ...{ windowRows: 2000, windowFound: 2200, exactRows: 128, exactFound: 127 },
    ...{ ids: 128, idsFound: 128 },
  })
  const plain = sampleOf(step, generator, 2, [costing(100)])
  expect(plain).not.toHaveProperty('audit')
  expect(plain).not.toHaveProperty('versions')
})
