import type { LoadGenerator, LoadPlan } from '../load/generator.ts'
import { profilingS } from '../probes/cpu-profile.ts'
import { type TakenProfile, takeProfile } from './take-profile.ts'
import type { Target } from './test-bed.ts'

/** Some thousand samples. */
const profileS = 2
/** The process is warm from the window before; only the connections are new. */
const warmupS = 0.5

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
): Promise<TakenProfile | null> {
  const { profiler, apiPids } = target
  if (profiler === null) return null
  let profiled: Promise<TakenProfile | null> | undefined
  await generator.run(
    { ...plan, warmupS, durationS: profilingS(profileS) },
    {
      signal,
      onLive: () => {},
      onWindow(edge) {
        if (edge === 'opens') profiled = takeProfile(profiler, apiPids[0] ?? null, profileS, signal)
      },
    },
  )
  return (await profiled) ?? null
}
