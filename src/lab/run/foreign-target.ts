import { LabError } from '../errors.ts'
import type { Step } from '../experiments/experiment.ts'
import { labelOf } from '../experiments/experiment.ts'
import { insecureRemedy, isCertificateError } from '../load/first-request.ts'
import { originOf } from '../load/prepare-request.ts'
import { masked } from '../secrets.ts'
import { fixedBed } from './fixed-bed.ts'
import type { SeenDatabase } from './seen-database.ts'
import type { TestBed } from './test-bed.ts'

/**
 * A service that someone else runs (`--url`). The lab only sends it load: it sets no knob, empties no table,
 * and reads no CPU but the generator's. Where the user names that service's database, its statistics are read.
 */
export async function foreignTestBed(
  url: string,
  database: Pick<SeenDatabase, 'pid' | 'url'> | null,
  insecure: boolean,
): Promise<TestBed> {
  await requireAnswer(url, insecure)
  const target = {
    ...{ url, connection: { insecure }, adminUrl: null, profiler: null, apiPids: [], isNew: false },
    databasePid: database?.pid ?? null,
    databaseUrl: database?.url ?? null,
    log: () => '',
  }
  return fixedBed({ target })
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

async function requireAnswer(url: string, insecure: boolean): Promise<void> {
  try {
    await fetch(originOf(url), { signal: AbortSignal.timeout(5000) })
  } catch (error) {
    const { cause } = error as Error
    const isCertificate = isCertificateError(cause)
    if (isCertificate && insecure) return
    throw new LabError(
      'LAB_TARGET',
      isCertificate
        ? `${masked(originOf(url))} has a certificate that is not accepted: ${cause.message}`
        : `nothing answers at ${masked(url)}`,
      isCertificate
        ? insecureRemedy
        : 'Start the service, or correct --url; without --url the lab starts its own.',
      { cause: error },
    )
  }
}
