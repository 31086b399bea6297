import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { closed, type Experiment } from '../../../src/lab/experiments/experiment.ts'
import { openMeasuredSteps } from '../../../src/lab/run/measured-steps.ts'
import type { Planned } from '../../../src/lab/run/run-experiments.ts'
import { observation } from './observation.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'insertlab-measured-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const experiment: Experiment = {
  ...{ name: 'trial', question: '?', hypothesis: '.', varies: 'nothing', holds: 'all' },
  timing: { processWarmupS: 0, warmupS: 0, durationS: 1, repeats: 2 },
  steps: [{ variant: 'insert', knobs: {}, load: closed(4), requests: [{ path: '/' }] }],
  conclude: () => ({ answer: '', diagnosed: null }),
}
const plan: Planned = {
  ...{ experiment, steps: experiment.steps, timing: experiment.timing, confirms: false, repeat: 'again' },
}

const seen = observation({
  ledger: {
    requestUs: 5,
    bucketsUs: new Map([['helper_threads', 3]]),
    routes: new Map([['GET /', { requests: 1, cpuUs: 5 }]]),
  },
  profile: { shares: new Map([['pg', 1]]), agreement: 0.9, file: 'a.cpuprofile' },
})
const step = (repeat: number) => ({ experiment: 'trial', label: 'insert, 4 connections', repeat })

test('what one run has kept, the next one takes, once and with its maps', () => {
  const first = openMeasuredSteps(folder, [plan], undefined)
  expect(first.take(step(1))).toBeNull()
  first.keep(step(1), [seen])
  first.keep(step(2), [seen, seen])
  const next = openMeasuredSteps(folder, [plan], undefined)
  expect(next.take(step(2))).toEqual([seen, seen])
  expect(next.take(step(2))).toBeNull()
  expect(next.take({ ...step(1), label: 'insert, 8 connections' })).toBeNull()
  expect(next.take(step(1))).toEqual([seen])
})

test('a line that was cut off is measured again', () => {
  openMeasuredSteps(folder, [plan], undefined).keep(step(1), [seen])
  const file = join(folder, 'measured-steps.jsonl')
  const [, line = ''] = readFileSync(file, 'utf8').split('\n')
  appendFileSync(file, line.replace('"repeat":1', '"repeat":2').slice(0, -40))
  const next = openMeasuredSteps(folder, [plan], undefined)
  expect(next.take(step(2))).toBeNull()
  expect(next.take(step(1))).toEqual([seen])
})

test.each<[string, Planned, string | undefined]>([
  ['other times', { ...plan, timing: { ...plan.timing, durationS: 5 } }, undefined],
  ['other steps', { ...plan, steps: [] }, undefined],
  ['another generator', plan, 'k6'],
])('a run with %s is another run', (_, other, generator) => {
  openMeasuredSteps(folder, [plan], undefined).keep(step(1), [seen])
  expect(() => openMeasuredSteps(folder, [other], generator)).toThrow(
    expect.objectContaining({ code: 'LAB_USAGE' }),
  )
})
