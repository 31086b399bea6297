import { execFileSync } from 'node:child_process'
import { readOrNull, readTree } from '../probes/proc.ts'
import { signalGroup } from './process-group.ts'

/**
 * Gives processes a core to themselves, and keeps the lab, its generators and PostgreSQL on the others, until it is
 * disposed of. On a core that they share, the kernel lets PostgreSQL interrupt the service at most requests, and
 * what the service runs next has to be fetched into the core's caches again: then the price of a few instructions is
 * mostly that. A PostgreSQL that the lab has not started stays where it is.
 *
 * @param services their process ids; several share the core.
 */
export function giveOwnCore(services: readonly number[]): Disposable {
  const [own, ...rest] = allowedCores()
  if (own === undefined || rest.length === 0) throw new Error('there is no core to spare')
  const pidsBelow = (root: number) => readTree(root).map(({ pid }) => pid)
  const served = new Set(services.flatMap(pidsBelow))
  const others = () => pidsBelow(process.pid).filter(pid => !served.has(pid))
  for (const pid of served) allow(pid, [own])
  for (const pid of others()) allow(pid, rest)
  return {
    [Symbol.dispose]() {
      // Those too that began meanwhile, on the cores of whoever started them.
      for (const pid of [...served, ...others()]) allow(pid, [own, ...rest])
    },
  }
}

/** Short beside the changes of a machine's pace, long beside the filling of a core's caches after another has used it. */
const turnMs = 100

/**
 * Lets process groups run in turn, each standing still while another has its turn, until it is disposed of. The pace of a
 * machine changes from second to second: two equal services, measured one after the other in windows of 1.5 s, differed
 * by up to 5 %, and in turns of 0.1 s, in windows of 15 s, by 2 %.
 *
 * @param groups the ids of their leaders. One that has ended is missed by whoever measures it.
 */
export function takeTurns(groups: readonly number[]): Disposable {
  let turn = 0
  const next = () => {
    turn = (turn + 1) % groups.length
    for (const [i, group] of groups.entries()) if (i !== turn) signalGroup(group, 'SIGSTOP')
    const running = groups[turn]
    if (running !== undefined) signalGroup(running, 'SIGCONT')
  }
  next()
  const timer = setInterval(next, turnMs)
  return {
    [Symbol.dispose]() {
      clearInterval(timer)
      for (const group of groups) signalGroup(group, 'SIGCONT')
    },
  }
}

/** It takes two cores, and `taskset` of util-linux. */
export function canGiveOwnCore(): boolean {
  return allowedCores().length > 1 && allow(process.pid, allowedCores())
}

/** Cores that this process may run on, from `/proc/self/status`: `0-3,8`. */
function allowedCores(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readOrNull('/proc/self/status') ?? '')?.[1] ?? ''
  return list.split(',').flatMap(range => {
    const [first = Number.NaN, last = first] = range.split('-').map(Number)
    return Number.isNaN(first) ? [] : Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
}

/** All threads of the process; false: it has ended meanwhile, or there is no `taskset`. */
function allow(pid: number, cores: readonly number[]): boolean {
  try {
    execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', cores.join(','), String(pid)], {
      stdio: 'ignore',
    })
    return true
  } catch {
    return false
  }
}
