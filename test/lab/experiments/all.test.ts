import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { diagnose } from '../../../src/lab/analysis/diagnose.ts'
import { experiments, full, tour, tourMinutes } from '../../../src/lab/experiments/all.ts'
import { estimateS, labelOf } from '../../../src/lab/experiments/experiment.ts'
import { observabilityPrice } from '../../../src/lab/experiments/observability-price.ts'
import type { Figure } from '../../../src/lab/results.ts'
import { figure, laptop, sample } from '../analysis/samples.ts'

const repeated: Figure = { median: 52, low: 50, high: 54, repeats: 3, values: [50, 52, 54] }
const cpuUs = { api: repeated, database: figure(20), generator: figure(30) }

describe.each(experiments)('$name', experiment => {
  test('names every step apart, and repeats often enough to show a spread', () => {
    const labels = experiment.steps.map(labelOf)
    expect(new Set(labels).size).toBe(labels.length)
    for (const { control } of experiment.steps) {
      expect(experiment.timing.repeats * (control?.windows ?? 1)).toBeGreaterThanOrEqual(3)
    }
  })

  test('concludes from all samples, from some and from none', () => {
    const samples = experiment.steps.map((step, index) =>
      sample({
        label: labelOf(step),
        knobs: step.knobs,
        load: { generator: 'k6', durationS: 3, ...step.load },
        throughputPerS: figure(1000 + index),
        // As many repeats as what they are held against, so that they pair up.
        ...(step.control !== undefined && {
          besideUs: repeated,
          besidePerS: repeated,
          besideP99Ms: repeated,
          cpuPerRequestUs: { ...cpuUs, api: repeated },
          latencyMs: { p50: repeated, p90: repeated, p99: repeated, max: repeated },
        }),
      }),
    )
    const { answer, diagnosed } = experiment.conclude(samples)
    expect(experiment.steps.map(labelOf)).toContain(diagnosed?.label)
    // Every figure stands with its spread.
    expect(answer).toMatch(/\d \S+ \(\d[\d.,]*–\d/)
    expect(answer).not.toMatch(/NaN|undefined|null/)
    expect(JSON.stringify(experiment.reproduce?.(samples) ?? [])).not.toMatch(/NaN|undefined/)
    for (let count = 0; count < samples.length; count++) {
      expect(experiment.conclude(samples.slice(0, count)).answer).not.toMatch(/NaN|undefined|null/)
    }
  })

  test('concludes where CPU could not be read', () => {
    const blind = experiment.steps.map(step =>
      sample({ label: labelOf(step), cpuPerRequestUs: { api: null, database: null, generator: null } }),
    )
    expect(experiment.conclude(blind).answer).not.toMatch(/NaN|undefined|null/)
    expect(JSON.stringify(experiment.reproduce?.(blind) ?? [])).not.toMatch(/NaN|undefined/)
  })
})

test('what a sample costs against its control stands before what limits it', () => {
  const price = (api: Figure, besidePerS: Figure) =>
    sample({
      label: 'prepared, ledger, 64 connections',
      cpuPerRequestUs: { ...cpuUs, api },
      throughputPerS: { ...figure(1000), values: [980, 1000, 1020] },
      besideUs: { ...repeated, values: [50, 50, 50] },
      besidePerS,
    })
  const answered = observabilityPrice.conclude([
    price(repeated, { ...figure(1000), values: [1000, 1000, 1000] }),
  ])
  expect(answered.answer).toBe(
    'A prepared insert with telemetry off costs the API 50 us (50–50). Compared with it, pair by pair: ' +
      'with ledger +4 % (+0 % to +8 %) CPU per request, +0 % (−2 % to +2 %) requests/s.',
  )
  const diagnosis = diagnose({ diagnosed: answered.diagnosed }, laptop)
  expect(answered.refine?.(diagnosis)).toMatchObject({
    limit: diagnosis.limit,
    sentence: `Compared with a prepared insert with telemetry off, a request costs +4 % (+0 % to +8 %) CPU with ledger. ${diagnosis.sentence}`,
  })
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

test('the tour takes less than the README says', () => {
  expect(tour.reduce((sum, experiment) => sum + estimateS(experiment), 0)).toBeLessThan(tourMinutes * 60)
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
  expect(readme).toContain(`the tour: under ${tourMinutes} minutes`)
})
