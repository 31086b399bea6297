import { cgroupFile } from './cgroup.ts'
import { readOrNull } from './proc.ts'

/** Time since boot in which at least one process waited for the resource, us; null: the kernel does not say. */
export interface Pressure {
  readonly cpu: number | null
  readonly io: number | null
  readonly memory: number | null
}

/**
 * Reads pressure stall information (PSI) of the process's own cgroup, without other programs, or of the whole
 * host where there is no such cgroup.
 */
export function readPressure(pid: number | null): Pressure {
  const ofCgroup = (resource: string) => (pid === null ? null : cgroupFile(pid, `${resource}.pressure`))
  const read = (resource: string) =>
    parsePressure(ofCgroup(resource) ?? readOrNull(`/proc/pressure/${resource}`))
  return { cpu: read('cpu'), io: read('io'), memory: read('memory') }
}

/** The `some` total of a PSI file. */
export function parsePressure(text: string | null): number | null {
  const total = /^some .*\btotal=(\d+)/m.exec(text ?? '')?.[1]
  return total === undefined ? null : Number(total)
}

/** Shares of the time between two readings, 0 … 1. */
export function pressureBetween(before: Pressure, after: Pressure, elapsedS: number): Pressure {
  const share = (resource: keyof Pressure) => {
    const [from, to] = [before[resource], after[resource]]
    return from === null || to === null ? null : (to - from) / (elapsedS * 1e6)
  }
  return { cpu: share('cpu'), io: share('io'), memory: share('memory') }
}
