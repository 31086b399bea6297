import { expect, test } from 'vitest'
import { littleDoubt, meanResponseMs, requestsInFlight } from '../../../src/lab/analysis/little.ts'
import { figure, sample } from './samples.ts'

const withMean = (meanMs: number, change = {}) => {
  const { latencyMs } = sample()
  return sample({ latencyMs: { ...latencyMs, mean: figure(meanMs) }, ...change })
}

test("Little's law (Lazowska et al. 1984, section 3.3: half a request/s that takes 15 s is 7.5 in the system)", () => {
  expect(requestsInFlight(0.5, 15_000)).toBe(7.5)
})

test('agrees: 10,000 requests/s of 6.2 ms are 62 of 64', () => {
  expect(littleDoubt(withMean(6.2))).toBeNull()
})

test('more in flight than the generator held cannot be', () => {
  expect(littleDoubt(withMean(9))).toContain('90 requests were in flight, of the 64')
})

test('fewer in flight: the clients had sent no request', () => {
  expect(littleDoubt(withMean(3.2))).toContain('for 50 % of the time its clients had sent no request')
})

test('failed answers count', () => {
  // Of 20,000 answers/s half failed; 3.1 ms each make 62 in flight.
  expect(littleDoubt(withMean(3.1, { errors: { ratio: figure(0.5), dropped: figure(0) } }))).toBeNull()
})

test('a spread that reaches into the tolerance is no doubt', () => {
  const { latencyMs } = sample()
  const mean = { median: 8, low: 6.5, high: 9, repeats: 3, values: [6.5, 8, 9] }
  expect(littleDoubt(sample({ latencyMs: { ...latencyMs, mean } }))).toBeNull()
})

test('nothing to check: an open loop, or no mean', () => {
  expect(
    littleDoubt(withMean(9, { load: { generator: 'k6', mode: 'open', ratePerS: 1000, durationS: 3 } })),
  ).toBeNull()
  expect(littleDoubt(sample())).toBeNull()
})

test('the mean client of a closed loop waits N/X, also where some are not answered in the window', () => {
  const load = { generator: 'undici', mode: 'closed', connections: 100, durationS: 4 } as const
  const blocked = sample({ load, throughputPerS: { median: 83.6, low: 81.3, high: 83.6, repeats: 3 } })
  expect(meanResponseMs(blocked)?.median).toBeCloseTo(1196, 0)
  expect(meanResponseMs(blocked)?.high).toBeCloseTo(1230, 0)
  expect(meanResponseMs(sample({ load, throughputPerS: figure(0) }))).toBeNull()
  expect(
    meanResponseMs(sample({ load: { generator: 'k6', mode: 'open', ratePerS: 10, durationS: 3 } })),
  ).toBeNull()
})
