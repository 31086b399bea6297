import { LabError } from '../errors.ts'
import type { Step } from '../experiments/experiment.ts'
import { labelOf } from '../experiments/experiment.ts'
import type { TestBed } from './test-bed.ts'

/**
 * A service that someone else runs (`--url`). The lab only sends it load: it sets no knob, empties no table,
 * and reads no CPU but the generator's. Where `DATABASE_URL` is set it names that service's database, whose
 * statistics are read.
 */
export async function foreignTestBed(url: string): Promise<TestBed> {
  await requireAnswer(url)
  const target = {
    url: url.replace(/\/+$/, ''),
    adminUrl: null,
    profiler: null,
    apiPid: null,
    isNew: false,
    databasePid: null,
    databaseUrl: process.env['DATABASE_URL'] ?? null,
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
    const foreign = { ...sent, variant: sent.requests.map(({ path }) => path).join(' + '), knobs: {} }
    different.set(labelOf(foreign), foreign)
  }
  return [...different.values()]
}

async function requireAnswer(url: string): Promise<void> {
  try {
    await fetch(url, { signal: AbortSignal.timeout(5000) })
  } catch (cause) {
    throw new LabError(
      'LAB_TARGET',
      `nothing answers at ${url}`,
      'Start the service, or correct --url; without --url the lab starts its own.',
      { cause },
    )
  }
}
