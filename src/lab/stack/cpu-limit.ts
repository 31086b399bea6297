import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { parseThrottledUs } from '../probes/cgroup.ts'
import { readOrNull, readSchedule, readThreadsUs } from '../probes/proc.ts'

/**
 * Holds a process to a share of the machine's cores, as `docker run --cpus` and a Kubernetes limit do: in
 * each period of 100 ms it may run for its quota, on as many threads as it likes, and then stands still until
 * the next. By the kernel (a cgroup with a quota) where this process may make one; elsewhere by stopping and
 * continuing it, which is the same to the program, except that it may overdraw its quota by what it uses
 * between two looks, and pays that back in the next period.
 *
 * What neither is: a slower core, or fewer of them. The process runs at full speed and then not at all,
 * which is why a limit shows in the latencies first. Memory is not limited.
 */
export function limitCpu(pid: number, cores: number, kind = cpuLimitKind()): CpuLimit {
  return kind === 'cgroup quota' ? holdByQuota(pid, cores) : holdByStopping(pid, cores)
}

/** Ends when it is disposed of. */
export interface CpuLimit extends Disposable {
  /** For how long it has kept the process from running so far, us; null where the kernel does not say. */
  throttledUs(): number | null
}

/** null: no CPU limit is possible here. */
export function cpuLimitKind(): CpuLimitKind | null {
  if (quotaFolder() !== null) return 'cgroup quota'
  return readSchedule(process.pid, process.pid) === null ? null : 'stopping'
}

export type CpuLimitKind = 'cgroup quota' | 'stopping'

const periodMs = 100

interface QuotaFolder {
  readonly path: string
  /** Writes the quota the way this version of cgroup has it. */
  write(group: string, quotaUs: number): void
}

const quotaFolders: readonly (QuotaFolder & { readonly controllers: string })[] = [
  {
    path: '/sys/fs/cgroup',
    controllers: 'cgroup.subtree_control',
    write: (group, quotaUs) => writeFileSync(join(group, 'cpu.max'), `${quotaUs} ${periodMs * 1000}`),
  },
  {
    path: '/sys/fs/cgroup/cpu',
    controllers: 'cpu.cfs_quota_us',
    write(group, quotaUs) {
      writeFileSync(join(group, 'cpu.cfs_period_us'), String(periodMs * 1000))
      writeFileSync(join(group, 'cpu.cfs_quota_us'), String(quotaUs))
    },
  },
]

/** The cgroup below which this process may make others with a CPU quota; version 2 before version 1. */
function quotaFolder(): QuotaFolder | null {
  return (
    quotaFolders.find(({ path, controllers }) => {
      try {
        accessSync(path, constants.W_OK)
        accessSync(join(path, 'cgroup.procs'), constants.W_OK)
        const enabled = readFileSync(join(path, controllers), 'utf8')
        return controllers === 'cpu.cfs_quota_us' || enabled.split(/\s/).includes('cpu')
      } catch {
        return false
      }
    }) ?? null
  )
}

function holdByQuota(pid: number, cores: number): CpuLimit {
  const parent = quotaFolder()
  if (parent === null) throw new Error('there is no cgroup to hold a process by')
  removeLeftGroups(parent.path)
  const group = join(parent.path, `${groupPrefix}${process.pid}-${pid}`)
  mkdirSync(group)
  parent.write(group, Math.round(cores * periodMs * 1000))
  writeFileSync(join(group, 'cgroup.procs'), String(pid))
  return {
    throttledUs: () => parseThrottledUs(readOrNull(join(group, 'cpu.stat'))),
    [Symbol.dispose]() {
      for (const member of membersOf(group)) moveTo(parent.path, member)
      removeGroup(group)
    },
  }
}

const groupPrefix = 'insertlab-'

/** Empty groups of a lab that was killed. The helper process cannot remove them, because they are not normal folders. */
function removeLeftGroups(parent: string): void {
  for (const name of readdirSync(parent)) if (name.startsWith(groupPrefix)) removeGroup(join(parent, name))
}

function removeGroup(group: string): void {
  try {
    rmdirSync(group)
  } catch {
    // Another lab's, which still has its process in it.
  }
}

function membersOf(group: string): string[] {
  return readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)
}

function moveTo(parent: string, pid: string): void {
  try {
    writeFileSync(join(parent, 'cgroup.procs'), pid)
  } catch {
    // It has ended meanwhile.
  }
}

/** A shorter period keeps closer to the quota, a longer one costs the lab less CPU (here a few percent of a core). */
const lookMs = 4

function holdByStopping(pid: number, cores: number): CpuLimit {
  const budgetUs = cores * periodMs * 1000
  let periodEndsMs = performance.now() + periodMs
  /** What the process may have used in all when it has to stand still. */
  let allowedUs = readThreadsUs(pid) + budgetUs
  let stoppedSinceMs: number | null = null
  let stoppedMs = 0
  const stoppedUntil = (nowMs: number) => stoppedMs + (stoppedSinceMs === null ? 0 : nowMs - stoppedSinceMs)
  const look = () => {
    const nowMs = performance.now()
    if (nowMs >= periodEndsMs) {
      periodEndsMs = Math.max(periodEndsMs + periodMs, nowMs)
      // What was not used is lost, as with a quota; what was overdrawn stays due.
      allowedUs = Math.min(allowedUs, readThreadsUs(pid)) + budgetUs
    }
    const mustStop = readThreadsUs(pid) >= allowedUs
    if (mustStop === (stoppedSinceMs !== null)) return
    stoppedMs = stoppedUntil(nowMs)
    stoppedSinceMs = mustStop ? nowMs : null
    signal(pid, mustStop ? 'SIGSTOP' : 'SIGCONT')
  }
  const timer = setInterval(look, lookMs)
  return {
    throttledUs: () => stoppedUntil(performance.now()) * 1000,
    [Symbol.dispose]() {
      clearInterval(timer)
      signal(pid, 'SIGCONT')
    },
  }
}

function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended.
  }
}
