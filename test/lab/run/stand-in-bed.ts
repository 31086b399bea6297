import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Step } from '../../../src/lab/experiments/experiment.ts'
import { undiciGenerator } from '../../../src/lab/load/undici.ts'
import { watchSpeed } from '../../../src/lab/probes/cpu-speed.ts'
import type { ExperimentResult } from '../../../src/lab/results.ts'
import type { RunContext } from '../../../src/lab/run/run-experiments.ts'
import type { TestBed } from '../../../src/lab/run/test-bed.ts'
import { type GuardedProcess, spawnGuarded } from '../../../src/lab/stack/janitor.ts'
import { dedicated } from '../analysis/samples.ts'

/** A test bed whose service is the stand-in, in a process of its own, with no database below it. */
export interface StandInBed extends TestBed {
  /** Steps in the order they were prepared. */
  readonly prepared: readonly Step[]
  /** Processes started so far. */
  started(): number
}

/** @param unavailable why each variant that cannot run is unavailable */
export function standInBed(
  env: Readonly<Record<string, string>> = {},
  unavailable: Readonly<Record<string, string>> = {},
): StandInBed {
  const prepared: Step[] = []
  let started = 0
  const running = new Map<string, { process: GuardedProcess; url: string }>()
  const retire = async () => {
    await Promise.all([...running.values()].map(({ process }) => process.end()))
    running.clear()
  }
  const targetOf = async (name: string) => {
    const known = running.get(name)
    if (known === undefined) started++
    const { url, process } = known ?? (await startStandIn(env))
    running.set(name, { url, process })
    return {
      url,
      adminUrl: url,
      profiler: { kind: 'v8', adminUrl: url } as const,
      apiPids: [process.pid],
      isNew: false,
      databasePid: null,
      databaseUrl: null,
      log: () => 'what the stand-in printed',
    }
  }
  return {
    prepared,
    started: () => started,
    unavailableBecause: async ({ variant }) => unavailable[variant] ?? null,
    retire,
    postgresVersion: () => null,
    async prepare(step) {
      prepared.push(step)
      const target = await targetOf('service')
      return { target, control: step.control ? await targetOf(step.control.name) : null }
    },
    [Symbol.asyncDispose]: retire,
  }
}

/** What a run on the bed needs, and what it has told: results, lines, live rates, logs and files. */
export function runOn(bed: StandInBed, change: Partial<RunContext> = {}) {
  const saved: (readonly ExperimentResult[])[] = []
  const lines: string[] = []
  const live: number[] = []
  const logs: string[] = []
  const kept = new Map<string, string | Uint8Array>()
  const run: RunContext = {
    bed,
    generatorFor: () => undiciGenerator,
    installed: ['undici'],
    signal: new AbortController().signal,
    circumstances: () => dedicated,
    speed: watchSpeed(),
    keep: (name, content) => kept.set(name, content),
    onTrouble: (_, log) => logs.push(log),
    onResults: results => saved.push(results),
    progress: {
      begin: () => {},
      live: rate => live.push(rate),
      done: line => lines.push(line),
      say: line => lines.push(line),
      [Symbol.dispose]: () => {},
    },
    ...change,
  }
  return { run, saved, lines, live, logs, kept }
}

export async function startStandIn(
  env: Readonly<Record<string, string>> = {},
): Promise<{ process: GuardedProcess; url: string }> {
  const file = fileURLToPath(new URL('../stand-in.ts', import.meta.url))
  const process_ = await spawnGuarded(process.execPath, [file], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (process_.child.stdout === null) throw new Error('no output to read')
  const [port] = (await once(createInterface({ input: process_.child.stdout }), 'line')) as [string]
  return { process: process_, url: `http://127.0.0.1:${port}` }
}
