import { readSchedule, readThreadsUs } from '../probes/proc.ts'

/** Ends when it is disposed of. */
export interface CpuLimit extends Disposable {
  /** For how long it has kept the process from running so far, us. */
  throttledUs(): number
}

/** Linux tells how much CPU a process has used; elsewhere no limit is possible. */
export function canLimitCpu(): boolean {
  return readSchedule(process.pid, process.pid) !== null
}

const periodMs = 100
/** A shorter period keeps closer to the quota, a longer one costs the lab less CPU (here a few percent of a core). */
const lookMs = 4

/**
 * Holds a process to a share of the machine's cores, as `docker run --cpus` and a Kubernetes limit do: in
 * each period of 100 ms it may run for its quota, on as many threads as it likes, and then stands still until
 * the next. The process is stopped and continued by signals, so it may overdraw its quota by what it uses
 * between two looks, and pays that back in the next period. A quota of the kernel would need root.
 *
 * What it is not: a slower core, or fewer of them. The process runs at full speed and then not at all,
 * which is why a limit shows in the latencies first. Memory is not limited.
 */
export function limitCpu(pid: number, cores: number): CpuLimit {
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
