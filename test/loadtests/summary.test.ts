import { expect, describe as group, test } from 'vitest'
import { describePhases, inSequence, toSeconds } from '../../loadtests/lib/phases.ts'
import { describeStaircase, staircase } from '../../loadtests/lib/staircase.ts'
import { brokenThresholds, describe, outputs, type SummaryData } from '../../loadtests/lib/summary.ts'

const data = (metrics: SummaryData['metrics']): SummaryData => ({
  state: { testRunDurationMs: 30_040 },
  metrics,
})

group('describe', () => {
  const usual = {
    http_reqs: { values: { count: 3000, rate: 99.9 } },
    http_req_duration: {
      values: { med: 1.234, 'p(90)': 4, 'p(99)': 120.4, max: 300 },
      thresholds: { 'p(99)<100': { ok: false }, 'p(90)<100': { ok: true } },
    },
    http_req_failed: { values: { rate: 0.0123 } },
    checks: { values: { passes: 2990, fails: 10 } },
    vus_max: { values: { max: 64 } },
  }

  test('gives load, latency, failures and broken thresholds', () => {
    const text = describe('64 users', data(usual))
    expect(text).toContain('64 users\n')
    expect(text).toContain('30.0 s, 3000 requests, 100 requests/s, up to 64 users')
    expect(text).toContain('p50 1.23 ms  p90 4.00 ms  p99 120 ms  max 300 ms')
    expect(text).toContain('1.23 % of the requests, 10 failed checks')
    expect(text).toContain('broken   http_req_duration: p(99)<100')
    expect(text).not.toContain('p(90)<100')
    expect(text).not.toContain('dropped')
  })

  test('accuses k6 where k6 dropped iterations', () => {
    const text = describe('x', data({ ...usual, dropped_iterations: { values: { count: 7 } } }))
    expect(text).toContain('dropped  7 iterations that k6 could not start in time')
  })

  test('says "-" for what was not measured, never 0', () => {
    expect(describe('x', data({}))).toContain('p99 -')
  })
})

test('brokenThresholds names metric and expression', () => {
  expect(
    brokenThresholds(
      data({ a: { values: {}, thresholds: { 'rate<1': { ok: false }, 'rate<2': { ok: true } } } }),
    ),
  ).toEqual(['a: rate<1'])
})

test('outputs writes a file only where one is asked for', () => {
  expect(Object.keys(outputs('text', {}, ''))).toEqual(['stdout'])
  expect(outputs('text', { a: 1 }, '/tmp/x.json')['/tmp/x.json']).toBe('{\n  "a": 1\n}')
})

group('staircase', () => {
  const steps = staircase({ fromPerS: 100, toPerS: 300, steps: 3, stepS: 10, startS: 6 })

  test('grows evenly from first to last, one step after the other', () => {
    expect(steps.map(({ ratePerS }) => ratePerS)).toEqual([100, 200, 300])
    expect(steps.map(({ startS }) => startS)).toEqual([6, 17, 28])
    expect(
      staircase({ fromPerS: 100, toPerS: 300, steps: 1, stepS: 10, startS: 0 }).map(
        ({ ratePerS }) => ratePerS,
      ),
    ).toEqual([100])
  })

  const step = (
    index: number,
    {
      p99,
      requests,
      ok = true,
      dropped = 0,
    }: { p99: number; requests: number; ok?: boolean; dropped?: number },
  ) => {
    const of = `{scenario:${steps[index]?.name}}`
    return {
      [`http_reqs${of}`]: { values: { count: requests } },
      [`http_req_duration${of}`]: { values: { 'p(99)': p99 }, thresholds: { 'p(99)<100': { ok } } },
      [`http_req_failed${of}`]: { values: { rate: 0 }, thresholds: { 'rate<0.001': { ok: true } } },
      [`dropped_iterations${of}`]: { values: { count: dropped } },
    }
  }

  test('the breakpoint is the last step that held before the first that broke', () => {
    const text = describeStaircase(
      steps,
      data({
        ...step(0, { p99: 5, requests: 1000 }),
        ...step(1, { p99: 130, requests: 900, ok: false }),
        ...step(2, { p99: 0, requests: 0 }),
      }),
    )
    expect(text).toContain('held at 100/s and broke at 200/s.')
    expect(text).not.toContain('300/s')
  })

  test('a step that k6 did not fully send is not held, and k6 is asked first', () => {
    const text = describeStaircase(
      steps,
      data({
        ...step(0, { p99: 5, requests: 1000, dropped: 9 }),
        ...step(1, { p99: 5, requests: 1900, dropped: 100 }),
      }),
    )
    expect(text).toContain('held at 100/s and broke at 200/s; k6 dropped 100 iterations there')
  })

  test('no break is no breakpoint', () => {
    expect(describeStaircase(steps, data(step(0, { p99: 5, requests: 1000 })))).toContain(
      'held up to 100/s, the last step: raise RATE_TO',
    )
  })
})

group('phases', () => {
  const phases = inSequence([
    { name: 'quiet', durationS: 30 },
    { name: 'loud', durationS: 15 },
    { name: 'quiet_again', durationS: 30 },
  ])

  test('follow each other with a pause for the last answers', () => {
    expect(phases.map(({ startS }) => startS)).toEqual([0, 31, 47])
  })

  test('get a line each, with the rate over the phase and not over the test', () => {
    const of = '{scenario:loud}'
    const text = describePhases(
      phases,
      data({
        [`http_reqs${of}`]: { values: { count: 3000, rate: 1 } },
        [`http_req_duration${of}`]: { values: { med: 2, 'p(99)': 40 } },
        [`http_req_failed${of}`]: { values: { rate: 0.5 } },
        [`dropped_iterations${of}`]: { values: { count: 7 } },
      }),
    )
    expect(text).toMatch(/loud .* 200\/s {2}p50 +2.00 ms {2}p99 +40 ms {2}failed 50.00 % {2}dropped 7/)
    expect(text).toMatch(/quiet_again +0\/s {2}p50 +- /)
  })
})

test('toSeconds reads k6 durations', () => {
  expect([toSeconds('15s'), toSeconds('1m30s'), toSeconds('500ms'), toSeconds('1h')]).toEqual([
    15, 90, 0.5, 3600,
  ])
})
