import { gunzipSync } from 'node:zlib'
import { foldLayers, type LayerShares, layeredCalls } from '../analysis/cpu-layers.ts'
import { goLayers } from '../analysis/go-layers.ts'
import { pythonLayers } from '../analysis/python-layers.ts'
import { profileCpu } from '../probes/cpu-profile.ts'
import { recordGo } from '../probes/pprof.ts'
import type { Profiler } from '../probes/profiler.ts'
import { recordPython } from '../probes/py-spy.ts'

export interface TakenProfile {
  readonly layers: LayerShares
  /** The raw profile as it came, and the ending that its readers know it by. */
  readonly file: string | Uint8Array
  readonly ending: string
}

/**
 * Profiles a target for some seconds and folds what was seen by layer.
 *
 * @param pid its process, if it is on this machine
 * @returns null where the target gives no profile
 */
export async function takeProfile(
  profiler: Profiler,
  pid: number | null,
  seconds: number,
  signal: AbortSignal,
): Promise<TakenProfile | null> {
  switch (profiler.kind) {
    case 'v8': {
      const seen = await profileCpu(profiler.adminUrl, pid, seconds, signal)
      const layers = seen && foldLayers(layeredCalls([seen.profile]), seen.time)
      return layers && { layers, file: seen.file, ending: 'cpuprofile' }
    }
    case 'pprof': {
      const file = await recordGo(profiler.adminUrl, seconds, signal)
      const layers = file && goLayers(gunzipSync(file))
      return layers && { layers, file, ending: 'pb.gz' }
    }
    case 'py-spy': {
      const file = await recordPython(profiler.command, profiler.pid, seconds, signal)
      const layers = file === null ? null : pythonLayers(file)
      return layers && { layers, file: file ?? '', ending: 'stacks.txt' }
    }
  }
}
