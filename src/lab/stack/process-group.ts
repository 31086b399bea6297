import { setTimeout as sleep } from 'node:timers/promises'
import { listPids, readStat } from '../probes/proc.ts'

const pollMs = 20
/** A process that writes to disk ends only after the write, even at SIGKILL. */
const killedWithinMs = 5_000

/**
 * Ends the process group led by `pid`: `signal` first, SIGKILL for whatever is left after `graceMs`.
 * Resolves when no process of the group is left; a group that is already gone is no error.
 */
export async function endProcessGroup(pid: number, signal: NodeJS.Signals, graceMs: number): Promise<void> {
  if (!signalGroup(pid, signal)) return
  // One that has been made to stand still takes no other signal.
  signalGroup(pid, 'SIGCONT')
  if (await isEmptyWithin(pid, graceMs)) return
  signalGroup(pid, 'SIGKILL')
  await isEmptyWithin(pid, killedWithinMs)
}

async function isEmptyWithin(pid: number, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs
  while (isAlive(pid)) {
    if (performance.now() > deadline) return false
    await sleep(pollMs)
  }
  return true
}

/**
 * In a container whose first process collects no orphans, a dead process stays in the process table as a
 * zombie that still takes signals. Only /proc tells it from a living one.
 */
function isAlive(group: number): boolean {
  if (!signalGroup(group, 0)) return false
  if (process.platform !== 'linux') return true
  return listPids().some(pid => {
    const stat = readStat(pid)
    return stat?.groupId === group && stat.state !== 'Z' && stat.state !== 'X'
  })
}

/** false: there is no such group. (EPERM too: macOS answers so for a group of zombies.) */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal)
  } catch {
    return false
  }
}
