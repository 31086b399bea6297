import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Step } from '../../../src/lab/experiments/experiment.ts'
import type { TestBed } from '../../../src/lab/run/test-bed.ts'
import { type GuardedProcess, spawnGuarded } from '../../../src/lab/stack/janitor.ts'

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
