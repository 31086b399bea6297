import { readSchedule, readTree } from './proc.ts'

/** Run time and waiting time of the main thread of each process of a tree, in us since it began, by pid. */
export type MainThreads = ReadonlyMap<number, number>

/**
 * Reads how long the main threads of a tree have wanted a core: ran, or stood in the scheduler's queue. For
 * Node that thread is the event loop, and this is its utilisation seen from outside, except that it leaves
 * out what blocks the loop without wanting a core (a synchronous write to a slow disk). Empty without `/proc`.
 */
export function readMainThreads(rootPid: number): MainThreads {
  return new Map(
    readTree(rootPid).flatMap(({ pid }) => {
      const schedule = readSchedule(pid, pid)
      return schedule === null ? [] : [[pid, schedule.ranUs + schedule.waitedUs]]
    }),
  )
}

/** Share of the time between two readings in which the busiest main thread wanted a core, 0 … 1. */
export function busiestThread(before: MainThreads, after: MainThreads, elapsedS: number): number | null {
  const shares = [...after].flatMap(([pid, us]) => {
    const earlierUs = before.get(pid)
    return earlierUs === undefined ? [] : [(us - earlierUs) / (elapsedS * 1e6)]
  })
  return shares.length === 0 ? null : Math.min(1, Math.max(...shares))
}
