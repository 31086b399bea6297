import { LabError } from '../errors.ts'
import type { Step } from '../experiments/experiment.ts'
import { labelOf } from '../experiments/experiment.ts'
import { originOf } from '../load/prepare-request.ts'
import { masked } from '../secrets.ts'
import type { TestBed } from './test-bed.ts'

/**
 * A service that someone else runs (`--url`). The lab only sends it load: it sets no knob, empties no table,
 * and reads no CPU but the generator's. Where the user names that service's database, its statistics are read.
 */
export async function foreignTestBed(url: string, databaseUrl: string | null): Promise<TestBed> {
  await requireAnswer(url)
  const target = {
    url,
    adminUrl: null,
    profiler: null,
    apiPid: null,
    isNew: false,
    databasePid: null,
    databaseUrl,
    log: () => '',
  }
  return {
    unavailableBecause: () => Promise.resolve(null),
    prepare: () => Promise.resolve(target),
    retire: () => Promise.resolve(),
    postgresVersion: () => null,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** The steps that are still different where no knob can be set: one for each load and kind of request. */
export function stepsForForeignTarget(steps: readonly Step[]): Step[] {
  const different = new Map<string, Step>()
  for (const step of steps) {
    const {
      program,
      service,
      control,
      postgres,
      seed,
      takesSpans,
      serviceCores,
      reportedCpu,
      profile,
      ...sent
    } = step
    const foreign = { ...sent, variant: masked(sent.requests.map(({ path }) => path).join(' + ')), knobs: {} }
    different.set(labelOf(foreign), foreign)
  }
  return [...different.values()]
}

async function requireAnswer(url: string): Promise<void> {
  try {
    await fetch(originOf(url), { signal: AbortSignal.timeout(5000) })
  } catch (cause) {
    throw new LabError(
      'LAB_TARGET',
      `nothing answers at ${masked(url)}`,
      'Start the service, or correct --url; without --url the lab starts its own.',
      { cause },
    )
  }
}
