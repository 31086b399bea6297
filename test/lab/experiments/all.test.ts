import { describe, expect, test } from 'vitest'
import { judge } from '../../../src/lab/analysis/verdict.ts'
import { experiments, full, tour } from '../../../src/lab/experiments/all.ts'
import { estimateS, labelOf } from '../../../src/lab/experiments/experiment.ts'
import { observabilityPrice } from '../../../src/lab/experiments/observability-price.ts'
import type { Figure, Sample } from '../../../src/lab/results.ts'
import { figure, laptop, sample } from '../analysis/samples.ts'

const repeated: Figure = { median: 52, low: 50, high: 54, repeats: 3, values: [50, 52, 54] }
const cpuUs = { api: repeated, database: figure(20), generator: figure(30) }

describe.each(experiments)('$name', experiment => {
  test('names every step apart, and repeats often enough to show a spread', () => {
    const labels = experiment.steps.map(labelOf)
    expect(new Set(labels).size).toBe(labels.length)
    expect(experiment.timing.repeats).toBeGreaterThanOrEqual(3)
  })

  test('concludes from all samples, from some and from none', () => {
    const samples = experiment.steps.map((step, index) =>
      sample({
        label: labelOf(step),
        knobs: step.knobs,
        load: { generator: 'k6', durationS: 3, ...step.load },
        throughputPerS: figure(1000 + index),
        // As many repeats as what they are held against, so that they pair up.
        ...(step.beside !== undefined && {
          besideUs: repeated,
          besideP99Ms: repeated,
          cpuPerRequestUs: { ...cpuUs, api: repeated },
          latencyMs: { p50: repeated, p90: repeated, p99: repeated, max: repeated },
        }),
      }),
    )
    const { answer, accused } = experiment.conclude(samples, laptop)
    expect(experiment.steps.map(labelOf)).toContain(accused?.label)
    // Every figure stands with its spread.
    expect(answer).toMatch(/\d \S+ \(\d[\d.,]*–\d/)
    expect(answer).not.toMatch(/NaN|undefined|null/)
    expect(JSON.stringify(experiment.reproduce?.(samples) ?? [])).not.toMatch(/NaN|undefined/)
    for (let count = 0; count < samples.length; count++) {
      expect(experiment.conclude(samples.slice(0, count), laptop).answer).not.toMatch(/NaN|undefined|null/)
    }
  })

  test('concludes where CPU could not be read', () => {
    const blind = experiment.steps.map(step =>
      sample({ label: labelOf(step), cpuPerRequestUs: { api: null, database: null, generator: null } }),
    )
    expect(experiment.conclude(blind, laptop).answer).not.toMatch(/NaN|undefined|null/)
    expect(JSON.stringify(experiment.reproduce?.(blind) ?? [])).not.toMatch(/NaN|undefined/)
  })
})

test('the price of looking blames its own turns for rates that nothing else explains, and nothing that is full', () => {
  const { conclude, steps } = observabilityPrice
  const [step] = steps
  if (step === undefined) throw new Error('no step')
  const bare = sample({ label: labelOf(step), load: { generator: 'wrk', durationS: 3, ...step.load } })
  const verdictOf = (one: Sample) => {
    const { judgedAgain = verdict => verdict, ...trial } = conclude([one], laptop)
    const verdict = judge(trial, laptop)
    return { first: verdict.limit, last: judgedAgain(verdict) }
  }
  const idle = verdictOf({
    ...bare,
    label: 'prepared, full, 1 % traced, 32 connections',
    cpuPerRequestUs: { ...cpuUs, api: repeated },
    besideUs: { ...repeated, values: [50, 50, 50] },
  })
  expect(idle.first).toBe('inconclusive')
  expect(idle.last.limit).toBe('none-observed')
  expect(idle.last.sentence).toMatch(
    /^Everything with 1 % traced costs .* \+4 % \(.*\) of a prepared insert\. /,
  )
  expect(idle.last.sentence).toContain('took turns')
  const busy = verdictOf({
    ...bare,
    utilisation: { ...bare.utilisation, api: figure(1), apiThread: figure(1) },
  })
  expect(busy.last.limit).toBe(busy.first)
  const failing = verdictOf({ ...bare, errors: { ...bare.errors, ratio: figure(0.5) } })
  expect(failing.last.limit).toBe(failing.first)
})

test('every finding of the source reports is reproduced by some experiment', () => {
  const made = experiments.flatMap(({ reproduce }) => reproduce?.([]) ?? [])
  expect([...new Set(made.map(({ finding }) => finding))].toSorted()).toEqual([
    'A1',
    'A2',
    'A3',
    'B1',
    'B2',
    'B3',
    'C1',
    'C2',
  ])
  // Of nothing measured nothing is claimed.
  for (const one of made) expect(one).toMatchObject({ reproduced: false, ratio: { ours: null } })
})

test('all findings together take less than an hour', () => {
  expect(full.reduce((sum, experiment) => sum + estimateS(experiment), 0)).toBeLessThan(57 * 60)
})

test('the tour takes less than four minutes', () => {
  expect(tour.reduce((sum, experiment) => sum + estimateS(experiment), 0)).toBeLessThan(240)
})
