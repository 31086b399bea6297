import { readFileSync } from 'node:fs'

/** Cores this process may use by its cgroup's quota (v2 `cpu.max`, v1 `cpu.cfs_quota_us`); null: unlimited. */
export function readQuotaCores(): number | null {
  return parseCpuMax(read('/sys/fs/cgroup/cpu.max')) ?? readQuotaCoresV1()
}

/** Parses `cpu.max`: `<quota us> <period us>`, or `max` for no quota. */
export function parseCpuMax(text: string | null): number | null {
  const [quotaUs, periodUs] = (text ?? '').trim().split(/\s+/).map(Number)
  return quotaUs !== undefined && periodUs !== undefined && quotaUs > 0 && periodUs > 0
    ? quotaUs / periodUs
    : null
}

function readQuotaCoresV1(): number | null {
  const quota = read('/sys/fs/cgroup/cpu/cpu.cfs_quota_us')
  const period = read('/sys/fs/cgroup/cpu/cpu.cfs_period_us')
  return quota === null || period === null ? null : parseCpuMax(`${quota.trim()} ${period.trim()}`)
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
