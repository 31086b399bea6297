import { readSchedule, readTree, type Schedule } from './proc.ts'

/** Scheduler times of the main thread of each process of a tree, by process. */
export type MainThreads = ReadonlyMap<number, Schedule>

/** The main threads of a tree; empty without `/proc`. For Node such a thread is the event loop. */
export function readMainThreads(rootPid: number): MainThreads {
  return new Map(
    readTree(rootPid).flatMap(({ pid }) => {
      const schedule = readSchedule(pid, pid)
      return schedule === null ? [] : [[pid, schedule]]
    }),
  )
}

/** Shares of a window, 0 … 1: a thread had a core, or waited in the scheduler's queue for one. */
export interface ThreadShares {
  readonly ran: number
  readonly queued: number
}

/** Of each main thread that is in both readings. */
function sharesOf(before: MainThreads, after: MainThreads, elapsedS: number): ThreadShares[] {
  return [...after].flatMap(([pid, schedule]) => {
    const earlier = before.get(pid)
    if (earlier === undefined) return []
    const share = (of: keyof Schedule) => Math.min(1, (schedule[of] - earlier[of]) / (elapsedS * 1e6))
    return [{ ran: share('ranUs'), queued: share('waitedUs') }]
  })
}

/**
 * The main thread that wanted a core most between two readings. What it wanted is the event loop's
 * utilisation seen from outside, except that it leaves out what blocks the loop without wanting a core: a
 * synchronous write to a slow disk or pipe.
 */
export function busiestThread(
  before: MainThreads,
  after: MainThreads,
  elapsedS: number,
): ThreadShares | null {
  return sharesOf(before, after, elapsedS).toSorted((a, b) => wanted(b) - wanted(a))[0] ?? null
}

/** Share of the window in which the thread wanted a core, whether or not it had one. */
export function wanted({ ran, queued }: ThreadShares): number {
  return Math.min(1, ran + queued)
}

/** Main threads that waited for a core between two readings, on average; null of none. */
export function queuedThreads(before: MainThreads, after: MainThreads, elapsedS: number): number | null {
  const shares = sharesOf(before, after, elapsedS)
  return shares.length === 0 ? null : shares.reduce((sum, { queued }) => sum + queued, 0)
}
