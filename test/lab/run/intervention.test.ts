import { describe, expect, test } from 'vitest'
import { closed, open, type Step } from '../../../src/lab/experiments/experiment.ts'
import { changeOf, confirmationOf } from '../../../src/lab/run/intervention.ts'

const step: Step = {
  variant: 'single',
  knobs: {},
  load: closed(64),
  requests: [{ path: '/test-insert' }],
  service: { INSERT_STRATEGY: 'single', CONNECTION_MODE: 'per-request', POOL_SIZE: '4' },
  reportedCpu: '/test-insert?naive=1',
  profile: true,
}
const means = { generator: 'undici', installed: ['wrk', 'undici', 'k6'] } as const

describe('the setting of the suspected limit, one step further', () => {
  test.each([
    ['api-cpu', 'WORKERS 1 → 2', { WORKERS: '2' }],
    ['connection-pool', 'POOL_SIZE 4 → 8', { POOL_SIZE: '8' }],
    ['database-connections', 'CONNECTION_MODE per-request → pool', { CONNECTION_MODE: 'pool' }],
    ['database-cpu', 'INSERT_STRATEGY single → prepared', { INSERT_STRATEGY: 'prepared' }],
    ['database-io', 'SYNCHRONOUS_COMMIT on → off', { SYNCHRONOUS_COMMIT: 'off' }],
  ] as const)('%s: %s, and nothing else of the service', (limit, settings, set) => {
    expect(changeOf(limit, step, means)).toMatchObject({
      settings,
      step: { service: { ...step.service, ...set }, load: step.load },
    })
  })

  test('a cheaper generator where the generator or the shared cores are the suspected limit', () => {
    expect(changeOf('host-cpu', step, means)).toMatchObject({
      settings: 'load generator undici → wrk',
      step: { generator: 'wrk', service: step.service },
    })
    expect(changeOf('load-generator', step, { ...means, generator: 'k6' })?.step.generator).toBe('undici')
  })

  test('neither profile nor side requests disturb the test', () => {
    const changed = changeOf('api-cpu', step, means)?.step
    expect(changed).not.toHaveProperty('profile')
    expect(changed).not.toHaveProperty('reportedCpu')
  })

  test('nothing where there is no setting, or it cannot go further', () => {
    const batched = { ...step, service: { SYNCHRONOUS_COMMIT: 'off' } }
    for (const limit of ['inconclusive', 'none-observed', 'environment', 'memory'] as const)
      expect(changeOf(limit, step, means)).toBeNull()
    expect(changeOf('database-cpu', batched, means)).toBeNull()
    expect(changeOf('database-io', batched, means)).toBeNull()
    expect(changeOf('host-cpu', step, { ...means, installed: ['undici'] })).toBeNull()
    expect(changeOf('load-generator', { ...step, load: open(100, 10) }, means)).toBeNull()
    expect(changeOf('host-cpu', { ...step, requests: [{ path: '/tasks/{n}' }] }, means)).toBeNull()
  })
})

describe('what the change did', () => {
  test('holds where every repeat with the new value answers more than any with the old', () => {
    expect(confirmationOf('WORKERS 1 → 2', [100, 104, 98], [150, 141, 160])).toEqual({
      holds: true,
      effect:
        'WORKERS 1 → 2: 100 requests/s (98–104) → 150 requests/s (141–160), 1.5 times, beyond the noise of the repeats',
      turned: 'WORKERS 1 → 2',
      beforePerS: expect.objectContaining({ median: 100, repeats: 3 }),
      afterPerS: expect.objectContaining({ median: 150, repeats: 3 }),
    })
  })

  test('does not where one repeat overlaps, or where it made things worse', () => {
    expect(confirmationOf('X', [100, 104, 98], [103, 141, 160])).toMatchObject({
      holds: false,
      effect: expect.stringContaining('within the noise'),
    })
    expect(confirmationOf('X', [100, 104, 98], [60, 70, 65])).toMatchObject({
      holds: false,
      effect: expect.stringContaining('worse'),
    })
  })

  test('is not known where nothing was measured', () => {
    expect(confirmationOf('X', [], [1])).toBeNull()
    expect(confirmationOf('X', [0, 0, 0], [1, 1, 1])).toBeNull()
  })
})
