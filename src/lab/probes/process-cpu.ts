import { pidtree } from 'pidtree'
import pidusage from 'pidusage'
import { readThreadsUs, readTree } from './proc.ts'

/**
 * CPU time of a process and everything below it, in microseconds since each of them began. Only the
 * difference of two readings means anything.
 *
 * Linux offers three sources, none right alone:
 * - `/proc/<pid>/stat` has the whole process, threads that ended included, but counts in ticks of 10 ms,
 *   user and system each cut off: up to 20 ms too little. Over a 3 s window of an idle-ish process that is
 *   whole percents.
 * - `/proc/<pid>/task/<tid>/schedstat` counts in nanoseconds but forgets a thread the moment it ends.
 * - `cutime`/`cstime` in `stat` hold what the children that ended and were waited for had used: PostgreSQL
 *   backends under a connection-per-request client leave most of their CPU there.
 * The first two are both lower bounds of the same quantity, so the larger of them is taken: exact while no
 * thread has ended, at most 20 ms short where one has. The third is added for every process of the tree.
 *
 * A process that ends between the listing and the reading of its file is missed once and is found in its
 * parent at the next reading; parents are read first, so nothing is counted twice.
 *
 * Where `/proc` exists the files are read before the function returns its promise, so the reading belongs
 * to the instant of the call. Elsewhere `ps` is asked through pidtree and pidusage: ended children are not
 * in it, and the resolution is that of `ps`.
 *
 * @returns null when the process is gone or the system does not say
 */
export function readTreeCpuUs(rootPid: number): Promise<number | null> {
  return process.platform === 'linux' ? Promise.resolve(readProcTree(rootPid)) : readTreeByPs(rootPid)
}

/** Difference of two readings of one tree, in microseconds; null where either is missing. */
export function cpuBetweenUs(before: number | null, after: number | null): number | null {
  return before === null || after === null ? null : Math.max(0, after - before)
}

function readProcTree(rootPid: number): number | null {
  const tree = readTree(rootPid)
  if (tree.length === 0) return null
  return tree.reduce(
    (sum, stat) => sum + Math.max(stat.ownUs, readThreadsUs(stat.pid)) + stat.endedChildrenUs,
    0,
  )
}

async function readTreeByPs(rootPid: number): Promise<number | null> {
  try {
    const usage = await pidusage(await pidtree(rootPid, { root: true }))
    return Object.values(usage).reduce((sum, one) => sum + (one?.ctime ?? 0) * 1000, 0)
  } catch {
    return null
  }
}
