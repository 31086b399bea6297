import { addAbortListener } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { foldLayers, type LayerShares, layeredCalls } from '../analysis/cpu-layers.ts'
import { goLayers } from '../analysis/go-layers.ts'
import { pythonLayers } from '../analysis/python-layers.ts'
import { profileThroughInspector } from '../inside/inspector.ts'
import { type ProfiledWindow, profileCpu } from '../probes/cpu-profile.ts'
import { createGuardedFolder, removeGuardedFolder, spawnGuarded } from '../stack/janitor.ts'
import type { Profiler } from '../stack/programs.ts'

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
      return foldV8(await profileCpu(profiler.adminUrl, pid, seconds, signal))
    }
    case 'inspector': {
      const node = await profiler.pid()
      return foldV8(node === null ? null : await profileThroughInspector(node, seconds, signal))
    }
    case 'pprof': {
      const file = await recordGo(profiler.adminUrl, seconds, signal)
      const layers = file && goLayers(gunzipSync(file))
      return layers && { layers, file, ending: 'pb.gz' }
    }
    case 'py-spy': {
      const file = await recordPython(profiler, seconds, signal)
      const layers = file === null ? null : pythonLayers(file)
      return layers && { layers, file: file ?? '', ending: 'stacks.txt' }
    }
  }
}

function foldV8(seen: ProfiledWindow | null): TakenProfile | null {
  const layers = seen && foldLayers(layeredCalls([seen.profile]), seen.time)
  return layers && { layers, file: seen.file, ending: 'cpuprofile' }
}

/**
 * Asks a Go process for a profile of its CPU.
 *
 * @returns the profile as it came, compressed; null where none is to be had
 */
async function recordGo(adminUrl: string, seconds: number, signal: AbortSignal): Promise<Uint8Array | null> {
  const url = new URL(`/debug/pprof/profile?seconds=${seconds}`, adminUrl)
  const patience = AbortSignal.timeout(3000 * seconds)
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, patience]) })
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : null
  } catch {
    return null
  }
}

/** More often than py-spy's 100: a window has seconds, not minutes. It stops the process for each sample. */
const samplesPerS = 200

/**
 * Lets py-spy look into a Python process and its workers for some seconds.
 *
 * @param profiler a waiting thread counts as running in py-spy's eyes where it waits in C code, for a queue or a lock. So of
 * a service with threads only those are counted that hold the interpreter's lock, which leaves system calls out
 * @returns collapsed stacks of threads that were running; null where py-spy may not look (another user's process,
 * ptrace forbidden) or is not in time
 */
async function recordPython(
  { command, pid, threads = false }: Extract<Profiler, { kind: 'py-spy' }>,
  seconds: number,
  signal: AbortSignal,
): Promise<string | null> {
  const folder = createGuardedFolder()
  try {
    const file = join(folder, 'stacks.txt')
    const { ended, end } = await spawnGuarded(
      command,
      [
        ...['record', '--pid', String(pid), '--subprocesses', '--duration', String(seconds)],
        ...['--rate', String(samplesPerS), '--format', 'raw', '--full-filenames', '--output', file],
        ...(threads ? ['--gil'] : []),
      ],
      { stdio: 'ignore', stopSignal: 'SIGKILL' },
    )
    using _ = addAbortListener(AbortSignal.any([signal, AbortSignal.timeout(3000 * seconds)]), end)
    const { code } = await ended
    return code === 0 ? await readFile(file, 'utf8') : null
  } catch {
    return null
  } finally {
    await removeGuardedFolder(folder)
  }
}
