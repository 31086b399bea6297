import { readOrNull } from './proc.ts'

/** What all cores together have done since boot, in seconds. */
export interface HostReading {
  readonly busyS: number
  readonly stolenS: number
  readonly totalS: number
}

/** Reads `/proc/stat`; null where there is none (not Linux). */
export function readHostCpu(): HostReading | null {
  return parseHostCpu(readOrNull('/proc/stat') ?? '')
}

/**
 * Parses the first line of `/proc/stat` (proc_stat(5)). Guest time is already inside user time, and time
 * stolen by the hypervisor is neither busy nor idle: it was not ours to use.
 */
export function parseHostCpu(text: string): HostReading | null {
  const ticks = /^cpu\s+([\d ]+)/.exec(text)?.[1]?.trim().split(' ').map(Number)
  if (ticks === undefined || ticks.length < 8) return null
  const [user = 0, nice = 0, system = 0, idle = 0, ioWait = 0, irq = 0, softIrq = 0, steal = 0] = ticks
  const busy = user + nice + system + irq + softIrq
  return { busyS: busy / 100, stolenS: steal / 100, totalS: (busy + idle + ioWait + steal) / 100 }
}

/** Cores busy between two readings, 0 … number of cores; null where either is missing or they coincide. */
export function busyCores(
  before: HostReading | null,
  after: HostReading | null,
  cores: number,
): number | null {
  return shareOf(before, after, reading => reading.busyS, cores)
}

/** Share of CPU time the hypervisor gave to others between two readings, 0 … 1. */
export function stolenShare(before: HostReading | null, after: HostReading | null): number | null {
  return shareOf(before, after, reading => reading.stolenS, 1)
}

function shareOf(
  before: HostReading | null,
  after: HostReading | null,
  part: (reading: HostReading) => number,
  scale: number,
): number | null {
  if (before === null || after === null) return null
  const elapsedS = after.totalS - before.totalS
  return elapsedS > 0 ? ((part(after) - part(before)) / elapsedS) * scale : null
}
