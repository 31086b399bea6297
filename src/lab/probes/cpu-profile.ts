import { setTimeout as pause } from 'node:timers/promises'
import { Value } from 'typebox/value'
import { CpuProfile } from '../analysis/call-tree.ts'
import type { ThreadTime } from '../analysis/cpu-layers.ts'
import { relativeTo, serviceFolder } from '../analysis/packages.ts'
import { readSchedule, type Schedule } from './proc.ts'

/** What is read of a profile, and the file that is kept. Files of the service are named from its folder. */
export interface ProfiledWindow {
  readonly profile: CpuProfile
  /** JSON that a browser's DevTools open. */
  readonly file: string
  /** The main thread's time in the middle of the window; null where the system does not tell. */
  readonly time: ThreadTime | null
}

/**
 * Starting a profile stops the service for some 0.2 s, while V8 lists all its compiled code, and twice as long
 * on a crowded machine; the thread's time is read after that.
 */
const startingMs = 500

/** How long `profileCpu` takes, about: the load has to last as long. */
export function profilingS(seconds: number): number {
  return seconds + (2 * startingMs) / 1000
}

/**
 * Asks the admin port for a V8 profile of its process.
 *
 * @param pid the process behind it, if it is on this machine
 * @param seconds more than half a second
 * @returns null where none is to be had: another service, a supervisor that serves nothing, no answer in time
 */
export async function profileCpu(
  adminUrl: string,
  pid: number | null,
  seconds: number,
  signal: AbortSignal,
): Promise<ProfiledWindow | null> {
  const url = new URL(`/debug/cpu-profile?seconds=${seconds}`, adminUrl)
  const patience = AbortSignal.timeout(3000 * profilingS(seconds))
  try {
    const [response, time] = await Promise.all([
      fetch(url, { signal: AbortSignal.any([signal, patience]) }),
      pid === null ? null : timeAfterStart(pid, seconds * 1000 - startingMs, signal),
    ])
    const profile: unknown = response.ok ? await response.json() : null
    if (!Value.Check(CpuProfile, profile)) return null
    const folder = serviceFolder(profile)
    const kept = folder === null ? profile : relativeTo(profile, folder)
    return { profile: kept, file: JSON.stringify(kept), time }
  } catch {
    return null
  }
}

async function timeAfterStart(
  pid: number,
  lengthMs: number,
  signal: AbortSignal,
): Promise<ThreadTime | null> {
  await pause(startingMs, undefined, { signal })
  return mainThreadTime(pid, lengthMs, signal)
}

/** What the kernel counts from now on, for so long. The main thread has the id of the process. */
export async function mainThreadTime(
  pid: number,
  lengthMs: number,
  signal: AbortSignal,
): Promise<ThreadTime | null> {
  const before = { atMs: performance.now(), schedule: readSchedule(pid, pid) }
  await pause(lengthMs, undefined, { signal })
  const after = { atMs: performance.now(), schedule: readSchedule(pid, pid) }
  if (before.schedule === null || after.schedule === null) return null
  const grown = (of: keyof Schedule) => (after.schedule?.[of] ?? 0) - (before.schedule?.[of] ?? 0)
  return {
    elapsedUs: (after.atMs - before.atMs) * 1000,
    ranUs: grown('ranUs'),
    waitedUs: grown('waitedUs'),
  }
}
