import { availableParallelism } from 'node:os'
import { diagnose } from '../../src/lab/analysis/diagnose.ts'
import { closed } from '../../src/lab/experiments/experiment.ts'
import { undiciGenerator } from '../../src/lab/load/undici.ts'
import { readHostCpu, stolenShare } from '../../src/lab/probes/host-cpu.ts'
import type { Diagnosis } from '../../src/lab/results.ts'
import { observe } from '../../src/lab/run/observe.ts'
import { sampleOf } from '../../src/lab/run/sample.ts'
import type { Rig } from '../fixtures/rigs/rigs.ts'

const warmupS = 1
const durationS = 4

/** Sets a rig up, measures it once as the lab measures a step, and lets the diagnosis say what limits it. */
export async function verdictOn(rig: Rig): Promise<Diagnosis> {
  await using stack = new AsyncDisposableStack()
  const target = await rig.start(stack)
  const { generator = undiciGenerator } = rig
  const requests = rig.paths.map(path => ({ path }))
  const load = closed(rig.connections)
  const cores = availableParallelism()
  const hostBefore = readHostCpu()
  const observation = await observe(
    target,
    generator,
    { baseUrl: target.url, requests, shape: load, warmupS, durationS },
    { signal: new AbortController().signal, cores, onLive: () => {} },
  )
  const step = { variant: rig.name, knobs: {}, load, requests }
  return diagnose(
    { diagnosed: sampleOf(step, generator, durationS, [observation]) },
    {
      cores,
      sharedCores: true,
      stealRatio: stolenShare(hostBefore, readHostCpu()),
      speedSpread: null,
    },
  )
}
