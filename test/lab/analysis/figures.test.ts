import { expect, test } from 'vitest'
import { demandsOf } from '../../../src/lab/analysis/demand.ts'
import {
  apart,
  differenceByRepeat,
  figureOf,
  figureOrNull,
  inverse,
  median,
  ratio,
  ratioByRepeat,
} from '../../../src/lab/analysis/figures.ts'
import { number, range, spread } from '../../../src/lab/analysis/wording.ts'
import { figure, sample } from './samples.ts'

test('a median of an even count is the mean of the middle two', () => {
  expect(median([9, 1, 3, 5])).toBe(4)
  expect(median([9, 1, 3])).toBe(3)
  expect(median([])).toBeNull()
})

test('a figure keeps the spread of its repeats', () => {
  expect(figureOf([30, 10, 20])).toEqual({ median: 20, low: 10, high: 30, repeats: 3, values: [30, 10, 20] })
  expect(figureOf([])).toBeNull()
})

test('one missing reading makes the figure missing', () => {
  expect(figureOrNull([1, null, 3])).toBeNull()
  expect(figureOrNull([1, 2, 3])?.median).toBe(2)
})

test('a ratio spans its least and most favourable pairs, an inverse turns its bounds round', () => {
  const tens = { median: 10, low: 8, high: 12, repeats: 3 }
  const twos = { median: 2, low: 1, high: 4, repeats: 5 }
  expect(ratio(tens, twos)).toEqual({ median: 5, low: 2, high: 12, repeats: 3 })
  expect(inverse(twos, 8)).toEqual({ median: 4, low: 2, high: 8, repeats: 5 })
})

test('a ratio by repeat cancels what slowed both figures in one repeat', () => {
  const [of, to] = [figureOf([11, 22, 44]), figureOf([10, 20, 40])]
  if (of === null || to === null) throw new Error('figures of three repeats')
  const times = ratioByRepeat(of, to)
  expect(times?.low).toBeCloseTo(1.1)
  expect(times?.high).toBeCloseTo(1.1)
  expect(ratioByRepeat(of, { ...to, values: [10, 20] })).toBeNull()
  const { values, ...withoutRepeats } = to
  expect(ratioByRepeat(of, withoutRepeats)).toBeNull()
  expect(differenceByRepeat(of, to)).toEqual({ median: 2, low: 1, high: 4, repeats: 3, values: [1, 2, 4] })
  expect(differenceByRepeat(of, null)).toBeNull()
})

test('figures are apart only when no repeat of one reaches into the other', () => {
  expect(apart({ median: 2, low: 1, high: 3, repeats: 3 }, { median: 5, low: 4, high: 6, repeats: 3 })).toBe(
    true,
  )
  expect(apart({ median: 2, low: 1, high: 4, repeats: 3 }, { median: 5, low: 4, high: 6, repeats: 3 })).toBe(
    false,
  )
})

test('service demand is utilisation over throughput, its ceiling the cores over the demand', () => {
  // 0.5 cores at 10,000 requests/s: 50 us each; one core is then full at 20,000 requests/s.
  const [first, ...others] = demandsOf(sample(), { cores: 2 })
  // 0.5 + 0.6 + 0.15 cores for API, PostgreSQL and generator; what else the host does is not a request's.
  expect(first?.resource).toBe('host')
  expect(first?.demandUs.median).toBeCloseTo(125)
  expect(first?.ceilingPerS.median).toBeCloseTo(16_000)
  expect(first?.utilisation.median).toBeCloseTo(1.3 / 2)
  const api = others.find(({ resource }) => resource === 'api')
  expect(api?.demandUs.median).toBeCloseTo(50)
  expect(api?.ceilingPerS.median).toBeCloseTo(20_000)
})

test('a resource that could not be read has no demand', () => {
  const resources = demandsOf(sample({ utilisation: { api: null, host: null } }), { cores: 2 }).map(
    ({ resource }) => resource,
  )
  expect(resources.sort()).toEqual(['database', 'generator'])
  expect(demandsOf(sample({ throughputPerS: figure(0) }), { cores: 2 })).toEqual([])
})

test('numbers are written for people', () => {
  expect([12_345, 54.123, 0.4821, 64, 0].map(number)).toEqual(['12,300', '54.1', '0.482', '64', '0'])
  expect(spread({ median: 54.1, low: 53, high: 56, repeats: 3 }, 'us')).toBe('54.1 us (53–56)')
  expect(range({ median: 1, low: 1, high: 1, repeats: 1 })).toBe('one run')
})
