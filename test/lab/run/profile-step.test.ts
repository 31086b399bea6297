import { Value } from 'typebox/value'
import { expect, test } from 'vitest'
import { CpuProfile } from '../../../src/lab/analysis/call-tree.ts'
import { closed, type Experiment } from '../../../src/lab/experiments/experiment.ts'
import { undiciGenerator } from '../../../src/lab/load/undici.ts'
import { profileStep } from '../../../src/lab/run/profile-step.ts'
import { runExperiments } from '../../../src/lab/run/run-experiments.ts'
import { runOn, standInBed } from './stand-in-bed.ts'

const step = {
  variant: 'insert',
  knobs: {},
  load: closed(4),
  requests: [{ path: '/test-insert' }],
  profile: true,
}
const timing = { processWarmupS: 0, warmupS: 0.2, durationS: 1, repeats: 1 }

test('a profiled step tells its CPU by layer, keeps the raw profile and names it', async () => {
  await using bed = standInBed({ BURN_US: '1000' })
  const { run, saved, kept } = runOn(bed)
  const experiment: Experiment = {
    ...{ name: 'trial', question: '', hypothesis: '', varies: '', holds: '' },
    ...{ timing, steps: [step] },
    conclude: () => ({ answer: '', diagnosed: null }),
  }
  await runExperiments([{ experiment, steps: [step], timing, confirms: false, repeat: '' }], run)

  const sample = saved.at(-1)?.[0]?.samples[0]
  expect([...kept.keys()]).toEqual(['trial-insert-4-connections-1.cpuprofile'])
  expect(sample?.profile?.files).toEqual([...kept.keys()])
  expect(Value.Check(CpuProfile, JSON.parse(String([...kept.values()][0])))).toBe(true)

  const layersUs = sample?.layersUs ?? {}
  const sum = Object.values(layersUs).reduce((total, { median }) => total + median, 0)
  const apiUs = sample?.cpuPerRequestUs.api?.median ?? 0
  expect(sum).toBeCloseTo(apiUs)
  // Most of the stand-in's CPU is a loop in its own file.
  const [[dearest] = []] = Object.entries(layersUs).toSorted(([, a], [, b]) => b.median - a.median)
  expect(dearest).toBe('own code: test/lab/')
  expect(layersUs['node:http']?.median).toBeGreaterThan(0)
  if (process.platform === 'linux') {
    // What it saw in functions is the thread's CPU, but for little native work and the noise of its clock: on a
    // busy machine a sample stands for more time than the thread had.
    expect(sample?.profile?.agreement?.median).toBeGreaterThan(0.5)
    expect(sample?.profile?.agreement?.median).toBeLessThan(2)
  }
})

test('a target that gives no profile is measured without one', async () => {
  await using bed = standInBed()
  const { target } = await bed.prepare(step)
  const plan = { baseUrl: target.url, requests: step.requests, shape: step.load, ...timing }
  const { signal } = new AbortController()
  const nowhere = { kind: 'v8', adminUrl: 'http://127.0.0.1:9' } as const
  for (const profiler of [null, nowhere])
    expect(await profileStep({ ...target, profiler }, undiciGenerator, plan, signal)).toBeNull()
})
