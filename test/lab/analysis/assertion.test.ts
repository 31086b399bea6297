import { describe, expect, test } from 'vitest'
import { type Assertion, checkAssertions, parseAssertion } from '../../../src/lab/analysis/assertion.ts'
import { resultsOf } from './results.ts'
import { figure, sample } from './samples.ts'

function parsed(text: string): Assertion {
  const assertion = parseAssertion(text)
  if (typeof assertion === 'string') throw new Error(assertion)
  return assertion
}

describe('the form', () => {
  test.each([
    ['throughput>10000', { experiment: null, sample: null, operator: '>', bound: 10_000 }],
    ['THROUGHPUT >= 1e4', { operator: '>=', bound: 10_000, metric: { name: 'throughput' } }],
    ['ping:cpuPerRequestUs<30', { experiment: 'ping', sample: null, bound: 30 }],
    [
      'insert-cost/batched, 64 connections: p99Ms < 12.5',
      { experiment: 'insert-cost', sample: 'batched, 64 connections', bound: 12.5 },
    ],
    ['ten-thousand/*:errors<=0.01', { experiment: 'ten-thousand', sample: '*', bound: 0.01 }],
    ['a/odd: label>1, 2 connections:errors<1', { sample: 'odd: label>1, 2 connections' }],
  ])('%s', (text, meaning) => {
    expect(parseAssertion(text)).toMatchObject(meaning)
  })

  test.each([
    ['fast', 'is no assertion'],
    ['throughput=5', 'is no assertion'],
    ['speed>5', '"speed" is no figure: there are throughput, p50Ms'],
    ['throughput>1.2.3', '"1.2.3" is no number'],
  ])('not %s', (text, complaint) => {
    expect(parseAssertion(text)).toContain(complaint)
  })
})

describe('the check', () => {
  // 9,500 to 10,500 requests/s, and 4,750 to 5,250; CPU of the API 47.5 to 52.5 us.
  const { experiments } = resultsOf({
    name: 'strategies',
    samples: [
      sample({ label: 'slow', throughputPerS: figure(5_000) }),
      sample({ label: 'fast', cpuPerRequestUs: { api: figure(50), database: null, generator: null } }),
    ],
  })
  const outcomes = (text: string) =>
    checkAssertions([parsed(text)], experiments).map(({ sample, outcome }) => [sample, outcome])

  test('is about the sample with the highest throughput unless it names another, or all', () => {
    expect(outcomes('throughput>9000')).toEqual([['fast', 'passed']])
    expect(outcomes('strategies/slow:throughput>9000')).toEqual([['slow', 'failed']])
    expect(outcomes('strategies/*:throughput>9000')).toEqual([
      ['slow', 'failed'],
      ['fast', 'passed'],
    ])
  })

  test('the unfavourable end of the spread decides', () => {
    expect(outcomes('throughput>9600')).toEqual([['fast', 'failed']])
    expect(outcomes('cpuPerRequestUs<51')).toEqual([['fast', 'failed']])
    expect(outcomes('cpuPerRequestUs<=52.5')).toEqual([['fast', 'passed']])
    const [result] = checkAssertions([parsed('cpuPerRequestUs<51')], experiments)
    expect(result?.found).toBe('cpuPerRequestUs 50 us (47.5–52.5), asked for < 51')
  })

  test('what was not measured neither passed nor failed, and says why', () => {
    const found = (text: string) => checkAssertions([parsed(text)], experiments)[0]
    expect(found('databaseCpuPerRequestUs<60')).toMatchObject({
      ...{ outcome: 'not-measurable', found: 'databaseCpuPerRequestUs could not be measured here' },
    })
    expect(found('strategies/medium:throughput>1')).toMatchObject({
      ...{ outcome: 'not-measurable', sample: null },
      found: 'no sample "medium" was measured; there are "slow", "fast"',
    })
    expect(found('ping:throughput>1')).toMatchObject({ outcome: 'not-measurable', experiment: 'ping' })
  })
})
