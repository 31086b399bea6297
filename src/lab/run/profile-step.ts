import { foldLayers, type LayerShares, layeredCalls } from '../analysis/cpu-layers.ts'
import type { LoadGenerator, LoadPlan } from '../load/generator.ts'
import { type ProfiledWindow, profileCpu, profilingS } from '../probes/cpu-profile.ts'
import type { Target } from './test-bed.ts'

/** Some thousand samples. */
const profileS = 2
/** The process is warm from the window before; only the connections are new. */
const warmupS = 0.5

export interface StepProfile {
  readonly layers: LayerShares
  /** The raw profile as the service gave it. */
  readonly file: string
}

/**
 * Sends a step's load once more, for a few seconds, and profiles the service meanwhile. A window of its own,
 * because profiling costs what it measures: rates and latencies of this one are thrown away.
 *
 * @returns null where the target gives no profile
 */
export async function profileStep(
  target: Target,
  generator: LoadGenerator,
  plan: LoadPlan,
  signal: AbortSignal,
): Promise<StepProfile | null> {
  const { adminUrl, apiPid } = target
  if (adminUrl === null) return null
  let profiled: Promise<ProfiledWindow | null> | undefined
  await generator.run(
    { ...plan, warmupS, durationS: profilingS(profileS) },
    {
      signal,
      onLive: () => {},
      onWindow(edge) {
        if (edge === 'opens') profiled = profileCpu(adminUrl, apiPid, profileS, signal)
      },
    },
  )
  const seen = await profiled
  if (!seen) return null
  const layers = foldLayers(layeredCalls([seen.profile]), seen.time)
  return layers === null ? null : { layers, file: seen.file }
}
