import { readdirSync, readFileSync } from 'node:fs'

/** The files of Linux's `/proc` that the probes read. A process that has ended meanwhile is left out. */

/** Linux counts in USER_HZ, which its interface fixes at 100 whatever the kernel's own tick. */
const tickUs = 10_000

export interface ProcStat {
  readonly pid: number
  readonly parentPid: number
  /** One letter; `Z` and `X` are dead. */
  readonly state: string | undefined
  readonly groupId: number
  /** CPU of the process, us, in ticks of 10 ms. */
  readonly ownUs: number
  /** CPU of its children that ended and were waited for, and of theirs. */
  readonly endedChildrenUs: number
}

/** The process and all its descendants, parents first; empty when it is gone. */
export function readTree(rootPid: number): ProcStat[] {
  const processes = listPids()
    .map(readStat)
    .filter(stat => stat !== null)
  const found = processes.filter(stat => stat.pid === rootPid)
  for (const parent of found) found.push(...processes.filter(stat => stat.parentPid === parent.pid))
  return found
}

/** All processes that can be seen. */
export function listPids(): number[] {
  return listOrNone('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
}

/** Scheduler times of a thread since its start. */
export interface Schedule {
  readonly ranUs: number
  /** Time it was ready to run and had no core. */
  readonly waitedUs: number
}

/** Reads `/proc/<pid>/task/<tid>/schedstat`; null where there is none. */
export function readSchedule(pid: number, threadId: number): Schedule | null {
  const [ranNs, waitedNs] =
    readOrNull(`/proc/${pid}/task/${threadId}/schedstat`)?.split(' ').map(Number) ?? []
  return ranNs === undefined || waitedNs === undefined
    ? null
    : { ranUs: ranNs / 1000, waitedUs: waitedNs / 1000 }
}

/** CPU of all present threads of a process, us. Threads that ended are not in it. */
export function readThreadsUs(pid: number): number {
  return listOrNone(`/proc/${pid}/task`).reduce(
    (sum, threadId) => sum + (readSchedule(pid, Number(threadId))?.ranUs ?? 0),
    0,
  )
}

/** Names in a folder; none where it cannot be read. */
export function listOrNone(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** null when the process is gone. */
export function readStat(pid: number): ProcStat | null {
  const text = readOrNull(`/proc/${pid}/stat`)
  return text === null ? null : parseProcStat(text)
}

/** Parses one line of `/proc/<pid>/stat` (proc_pid_stat(5)); the name in parentheses may hold anything. */
export function parseProcStat(line: string): ProcStat {
  const afterName = line.slice(line.lastIndexOf(')') + 2).split(' ')
  const field = (number: number) => Number(afterName[number - 3])
  return {
    pid: Number.parseInt(line, 10),
    parentPid: field(4),
    state: afterName[0],
    groupId: field(5),
    ownUs: (field(14) + field(15)) * tickUs,
    endedChildrenUs: (field(16) + field(17)) * tickUs,
  }
}

/** A file's text; null where it cannot be read. */
export function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
