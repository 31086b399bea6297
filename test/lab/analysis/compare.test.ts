import { describe, expect, test } from 'vitest'
import { compareFigures, compareResults } from '../../../src/lab/analysis/compare.ts'
import { figureOf } from '../../../src/lab/analysis/figures.ts'
import { type Metric, metrics } from '../../../src/lab/analysis/metrics.ts'
import type { Figure, Results } from '../../../src/lab/results.ts'
import { manifest, resultsOf } from './results.ts'
import { sample } from './samples.ts'

const metricNamed = (wanted: string): Metric => {
  const found = metrics.find(({ name }) => name === wanted)
  if (found === undefined) throw new Error(`no metric ${wanted}`)
  return found
}
const throughput = metricNamed('throughput')
const p99 = metricNamed('p99Ms')

function repeats(...values: number[]): Figure {
  const figure = figureOf(values)
  if (figure === null) throw new Error('no repeats')
  return figure
}

describe('a figure', () => {
  test('that moved clear of its noise changed, for better or worse by what it is', () => {
    const [before, after] = [repeats(100, 102, 98), repeats(120, 124, 119)]
    expect(compareFigures(throughput, before, after)).toMatchObject({
      outcome: 'better',
      ratio: { estimate: expect.closeTo(119 / 98), confidence: expect.closeTo(0.9) },
    })
    expect(compareFigures(p99, before, after).outcome).toBe('worse')
    expect(compareFigures(p99, after, before).outcome).toBe('better')
  })

  test('whose repeats overlap did not', () => {
    expect(compareFigures(throughput, repeats(100, 120, 98), repeats(119, 124, 121)).outcome).toBe(
      'within the noise',
    )
  })

  test('that moved for certain, but by next to nothing, did not', () => {
    const [before, after] = [repeats(100, 100.1, 100.2), repeats(101, 101.1, 101.2)]
    expect(compareFigures(throughput, before, after).outcome).toBe('within the noise')
  })

  test('of two repeats cannot tell', () => {
    expect(compareFigures(throughput, repeats(100, 101), repeats(200, 201)).outcome).toBe('too few repeats')
  })

  test('with five repeats may overlap a little and still have changed', () => {
    const before = repeats(100, 101, 102, 103, 111)
    const after = repeats(110, 112, 113, 114, 115)
    expect(compareFigures(throughput, before, after)).toMatchObject({ outcome: 'better' })
    // Without the repeats only the ranges are known, and they overlap.
    const ranges = ({ values: _, ...range }: Figure) => range
    expect(compareFigures(throughput, ranges(before), ranges(after)).outcome).toBe('within the noise')
  })

  test('without repeats kept is compared by its range', () => {
    const before = { median: 100, low: 95, high: 105, repeats: 3 }
    expect(
      compareFigures(throughput, before, { median: 150, low: 140, high: 160, repeats: 3 }),
    ).toMatchObject({
      outcome: 'better',
      ratio: { estimate: 1.5, low: expect.closeTo(140 / 105), high: expect.closeTo(160 / 95) },
    })
  })

  test('that was zero has no ratio, yet may have changed', () => {
    const errors = metricNamed('errors')
    expect(compareFigures(errors, repeats(0, 0, 0), repeats(0.1, 0.2, 0.1))).toMatchObject({
      ...{ ratio: null, outcome: 'worse' },
    })
    expect(compareFigures(errors, repeats(0, 0, 0), repeats(0, 0.2, 0)).outcome).toBe('within the noise')
    expect(compareFigures(errors, repeats(0), repeats(1)).outcome).toBe('too few repeats')
  })

  test('that was not measured is not compared', () => {
    expect(compareFigures(throughput, null, repeats(1)).outcome).toBe('not measured')
  })
})

test('two results: what both have is compared, the rest is named', () => {
  const withSamples = (...labels: string[]): Results =>
    resultsOf({ name: 'ping', samples: labels.map(label => sample({ label })) })
  const { samples, unmatched } = compareResults(withSamples('a', 'b'), withSamples('b', 'c'))
  expect(samples).toMatchObject([{ experiment: 'ping', label: 'b' }])
  expect(samples[0]?.changes.every(({ outcome }) => outcome === 'within the noise')).toBe(true)
  expect(unmatched).toEqual({ before: ['ping, a'], after: ['ping, c'] })
})

test('two long results: hundreds of readings of the machine are few blocks, for neighbours repeat each other', () => {
  const onMachine = (...fixedWorkUs: number[]): Results => ({
    ...resultsOf({ name: 'ping', samples: [sample()] }),
    manifest: { ...manifest, fixedWorkUs: repeats(...fixedWorkUs) },
  })
  const readings = (us: number) => Array.from({ length: 600 }, (_, i) => us + (i % 7))
  const { machine } = compareResults(onMachine(...readings(1000)), onMachine(...readings(1500)))
  expect(machine?.estimate).toBeCloseTo(1.5, 1)
  // Fast for one half and slow for the other, and the other way round: that is no slower machine.
  const half = (us: number) => readings(us).slice(300)
  const [fast, slow] = [half(1000), half(1500)]
  expect(compareResults(onMachine(...fast, ...slow), onMachine(...slow, ...fast)).machine).toBeNull()
})
