import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { closed, type Experiment } from '../../../src/lab/experiments/experiment.ts'
import { openMeasuredSteps } from '../../../src/lab/run/measured-steps.ts'
import { type Planned, type RunContext, runExperiments } from '../../../src/lab/run/run-experiments.ts'
import { newestComplaint } from '../../../src/lab/run/run-step.ts'
import { dedicated } from '../analysis/samples.ts'
import { runOn, standInBed } from './stand-in-bed.ts'

const experiment: Experiment = {
  name: 'trial',
  question: 'Does the runner run?',
  hypothesis: 'It does.',
  varies: 'connections',
  holds: 'everything else',
  timing: { processWarmupS: 0, warmupS: 0.2, durationS: 1, repeats: 2 },
  steps: [1, 4].map(connections => ({
    variant: 'insert',
    knobs: {},
    load: closed(connections),
    requests: [{ path: '/test-insert' }],
    reportedCpu: '/test-insert?naive=1',
  })),
  conclude: samples => ({ answer: `${samples.length} samples`, diagnosed: samples.at(-1) ?? null }),
}

const plan: Planned = {
  ...{ experiment, steps: experiment.steps, timing: experiment.timing },
  ...{ confirms: false, repeat: 'again' },
}

test('measures every step in every repeat, on a new process each, and saves after each step', async () => {
  await using bed = standInBed({ BURN_US: '200' })
  const { run, saved, lines, live, logs } = runOn(bed)
  await runExperiments([plan], run)

  expect(bed.started()).toBe(2)
  expect(bed.prepared).toHaveLength(4)
  expect(new Set(bed.prepared.slice(0, 2))).toEqual(new Set(experiment.steps))
  // After each step, and at the end.
  expect(saved).toHaveLength(5)
  expect(saved[0]?.[0]?.samples).toHaveLength(1)
  expect(live.some(rate => rate > 0)).toBe(true)
  expect(lines.at(-1)).toMatch(/^trial: insert, \d connections? \(2 of 2\): [\d,]+ requests\/s, p50/)

  expect(logs).toEqual([])

  const [result] = saved.at(-1) ?? []
  expect(result?.answer).toBe('2 samples')
  for (const sample of result?.samples ?? []) {
    expect(sample.throughputPerS.repeats).toBe(2)
    expect(sample.throughputPerS.median).toBeGreaterThan(0)
    expect(sample.errors.ratio.median).toBe(0)
    // The stand-in burns 200 us a request and needs a little for HTTP; it has no database.
    expect(sample.cpuPerRequestUs.api?.median).toBeGreaterThan(190)
    expect(sample.cpuPerRequestUs.database).toBeNull()
    expect(sample.cpuPerRequestUs.generator?.median).toBeGreaterThan(0)
    expect(sample.utilisation.apiThread?.median).toBeGreaterThan(0)
    expect(sample.reportedCpuUs?.ledger?.median).toBeCloseTo(200)
    expect(sample.reportedCpuUs?.naive?.median).toBeCloseTo(2000)
  }
})

test('stops in the middle when it is interrupted, having saved what was measured', async () => {
  await using bed = standInBed()
  const interrupt = new AbortController()
  const { run, saved } = runOn(bed, { signal: interrupt.signal })
  const onResults: RunContext['onResults'] = results => {
    saved.push(results)
    interrupt.abort(new Error('enough'))
  }
  await expect(runExperiments([plan], { ...run, onResults })).rejects.toThrow('enough')
  expect(saved).toHaveLength(1)
  expect(saved[0]?.[0]?.samples).toHaveLength(1)
})

test('goes on where it was interrupted: what was measured is not measured again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'insertlab-resumed-'))
  try {
    const start = async (interruptAfter: number) => {
      await using bed = standInBed()
      const interrupt = new AbortController()
      const measuredSteps = openMeasuredSteps(folder, [plan], undefined)
      const { run, saved, lines } = runOn(bed, { signal: interrupt.signal, measuredSteps })
      const onResults: RunContext['onResults'] = results => {
        saved.push(results)
        if (saved.length === interruptAfter) interrupt.abort(new Error('enough'))
      }
      await runExperiments([plan], { ...run, onResults }).catch(error => expect(error.message).toBe('enough'))
      return { measured: bed.prepared.length, samples: saved.at(-1)?.[0]?.samples ?? [], lines }
    }
    // Interrupted after the third of four measurements, which is complete.
    const first = await start(3)
    expect(first.measured).toBe(3)
    const second = await start(Number.POSITIVE_INFINITY)
    expect(second.measured).toBe(1)
    expect(second.lines.filter(line => line.endsWith(': measured before'))).toHaveLength(3)
    expect(second.samples.map(({ throughputPerS }) => throughputPerS.repeats)).toEqual([2, 2])
    const rates = first.samples.flatMap(({ throughputPerS }) => throughputPerS.values ?? [])
    const kept = second.samples.flatMap(({ throughputPerS }) => throughputPerS.values ?? [])
    expect(kept).toEqual(expect.arrayContaining(rates))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}, 120_000)

test('keeps what the service printed where requests failed', async () => {
  await using bed = standInBed()
  const { run, saved, logs } = runOn(bed)
  const steps = experiment.steps
    .slice(0, 1)
    .map(step => ({ ...step, requests: [{ path: '/no-such-route' }] }))
  await runExperiments([{ ...plan, steps, timing: { ...plan.timing, repeats: 1 } }], run)
  expect(logs).toEqual(['what the stand-in printed'])
  expect(saved.at(-1)?.[0]).toMatchObject({
    samples: [{ errors: { ratio: { median: 1 } }, throughputPerS: { median: 0 } }],
    verdict: { limit: 'inconclusive' },
  })
})

test('sends the load to a service and to its control in turn, and keeps the pairs in their order', async () => {
  await using bed = standInBed({ BURN_US: '200' })
  const { run, saved, lines } = runOn(bed)
  const steps = experiment.steps.slice(1).map(step => ({ ...step, control: { name: 'other', windows: 2 } }))
  await runExperiments([{ ...plan, steps, timing: { ...plan.timing, durationS: 0.5 } }], run)

  // Both anew in each of the two repeats.
  expect(bed.started()).toBe(4)
  // After each pair, and at the end.
  expect(saved).toHaveLength(5)
  const windows = lines.flatMap(line => /pair (\d of \d(?:: other)?): /.exec(line)?.[1] ?? [])
  const oneRepeat = ['1 of 2: other', '1 of 2', '2 of 2', '2 of 2: other']
  expect(windows).toEqual([...oneRepeat, ...oneRepeat])
  const [sample] = saved.at(-1)?.[0]?.samples ?? []
  expect(sample?.cpuPerRequestUs.api?.values).toHaveLength(4)
  for (const ofControl of [sample?.besideUs, sample?.besidePerS, sample?.besideP99Ms]) {
    expect(ofControl?.values).toHaveLength(4)
    expect(ofControl?.low).toBeGreaterThan(0)
  }
})

test('a control whose requests fail gives no figure to compare with', async () => {
  await using bed = standInBed()
  const { run, saved } = runOn(bed)
  const steps = experiment.steps.slice(0, 1).map(step => ({
    ...step,
    control: { name: 'other', windows: 1 },
    requests: [{ path: '/no-such-route' }],
  }))
  const timing = { ...plan.timing, durationS: 0.5, repeats: 1 }
  await runExperiments([{ ...plan, steps, timing }], run)
  expect(saved.at(-1)?.[0]?.samples).toMatchObject([
    { besideUs: null, besidePerS: null, besideP99Ms: null, errors: { ratio: { median: 1 } } },
  ])
})

test('leaves out the steps whose program cannot run here, and says why', async () => {
  await using bed = standInBed({}, { gin: 'Go is not installed' })
  const { run, saved, lines } = runOn(bed)
  const steps = ['insert', 'gin'].flatMap(variant => experiment.steps.map(step => ({ ...step, variant })))
  await runExperiments([{ ...plan, steps, timing: { ...plan.timing, repeats: 1 } }], run)

  expect(bed.prepared.map(({ variant }) => variant)).toEqual(['insert', 'insert'])
  expect(lines).toContain('Skipped gin: Go is not installed')
  expect(saved.at(-1)?.[0]?.answer).toBe('2 samples Skipped gin: Go is not installed')
})

test('an experiment of which nothing can run here is in the results all the same', async () => {
  await using bed = standInBed({}, { insert: 'there is no Docker engine' })
  const { run, saved } = runOn(bed)
  await runExperiments([plan], run)
  expect(saved.at(-1)).toMatchObject([
    { answer: '0 samples Skipped insert: there is no Docker engine', verdict: { limit: 'inconclusive' } },
  ])
})

test('changes the setting of the suspected limit and says what that did', async () => {
  await using bed = standInBed({ BURN_US: '300' })
  const { run, saved } = runOn(bed)
  const steps = experiment.steps.slice(1)
  await runExperiments([{ ...plan, steps, timing: { ...plan.timing, repeats: 1 }, confirms: true }], {
    ...run,
    // So small a machine that any load fills it: the suspected limit does not depend on how fast this one is.
    circumstances: () => ({ ...dedicated, cores: 1e-4 }),
  })
  const { verdict: diagnosis } = saved.at(-1)?.[0] ?? {}
  expect(diagnosis?.limit).toBe('api-cpu')
  expect(diagnosis?.confirmed).toMatchObject({
    turned: 'WORKERS 1 → 2',
    beforePerS: { repeats: 3 },
    afterPerS: { repeats: 3 },
  })
  const environments = bed.prepared.slice(1).map(({ service }) => service?.['WORKERS'])
  expect(environments.filter(workers => workers === '2')).toHaveLength(3)
  expect(saved.at(-1)?.[0]?.samples).toHaveLength(1)
})

test('a search is asked what to measure next until it has found it', async () => {
  await using bed = standInBed()
  const { run, saved } = runOn(bed)
  const [step] = experiment.steps
  if (step === undefined) throw new Error('no step to search from')
  const searching: Experiment = {
    ...experiment,
    search: {
      atMost: 5,
      next: samples =>
        samples.length < 3 ? { ...step, load: closed(1 + (samples.at(-1)?.load.connections ?? 0)) } : null,
    },
  }
  const timing = { ...experiment.timing, repeats: 1 }
  await runExperiments([{ ...plan, experiment: searching, steps: [step], timing }], run)
  expect(saved.at(-1)?.[0]?.samples.map(({ load }) => load.connections)).toEqual([1, 2, 3])
})

test('leaves out a step about a generator that is not installed', async () => {
  await using bed = standInBed()
  const { run, saved } = runOn(bed)
  const steps = experiment.steps.map(step => ({ ...step, generator: 'wrk' as const }))
  await runExperiments([{ ...plan, steps }], run)
  expect(saved.at(-1)).toMatchObject([{ answer: '0 samples Skipped insert: wrk is not installed' }])
})

test('the newest complaint is what PostgreSQL or the service said last', () => {
  const log = [
    '2026-11-25 FATAL:  an older one',
    '{"level":30,"msg":"listens"}',
    '2026-11-25 12:00:00.000 UTC [7] FATAL:  sorry, too many clients already',
    '2026-11-25 12:00:01.000 UTC [7] LOG:  checkpoint starting',
  ].join('\n')
  expect(newestComplaint(log)).toBe('FATAL:  sorry, too many clients already')
  expect(newestComplaint('all is well')).toBeNull()
})
