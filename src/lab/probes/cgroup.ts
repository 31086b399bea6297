import { readOrNull } from './proc.ts'

/** Cores this process may use by its cgroup's quota (v2 `cpu.max`, v1 `cpu.cfs_quota_us`); null: unlimited. */
export function readQuotaCores(): number | null {
  return parseCpuMax(readOrNull('/sys/fs/cgroup/cpu.max')) ?? readQuotaCoresV1()
}

/** Parses `cpu.max`: `<quota us> <period us>`, or `max` for no quota. */
export function parseCpuMax(text: string | null): number | null {
  const [quotaUs, periodUs] = (text ?? '').trim().split(/\s+/).map(Number)
  return quotaUs !== undefined && periodUs !== undefined && quotaUs > 0 && periodUs > 0
    ? quotaUs / periodUs
    : null
}

function readQuotaCoresV1(): number | null {
  const quota = readOrNull('/sys/fs/cgroup/cpu/cpu.cfs_quota_us')
  const period = readOrNull('/sys/fs/cgroup/cpu/cpu.cfs_period_us')
  return quota === null || period === null ? null : parseCpuMax(`${quota.trim()} ${period.trim()}`)
}

/**
 * Time in which the quota of the process's own cgroup (v2) kept it from running since that began, us; null
 * where there is no such cgroup or it has no quota to keep.
 */
export function readThrottledUs(pid: number): number | null {
  return parseThrottledUs(cgroupFile(pid, 'cpu.stat'))
}

/** Parses `cpu.stat`. */
export function parseThrottledUs(text: string | null): number | null {
  const us = /^throttled_usec (\d+)$/m.exec(text ?? '')?.[1]
  return us === undefined ? null : Number(us)
}

/** A file of the cgroup (v2) that the process is in; null where it cannot be read. */
export function cgroupFile(pid: number, name: string): string | null {
  const path = parseCgroupPath(readOrNull(`/proc/${pid}/cgroup`))
  return path === null ? null : readOrNull(`/sys/fs/cgroup${path}/${name}`)
}

/** Parses `/proc/<pid>/cgroup`: the line of v2 is `0::<path>`. The root, `/`, reads as empty. */
export function parseCgroupPath(text: string | null): string | null {
  return /^0::(.*)$/m.exec(text ?? '')?.[1]?.replace(/\/$/, '') ?? null
}
