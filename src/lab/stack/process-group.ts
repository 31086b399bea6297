import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

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
  return readdirSync('/proc').some(entry => /^\d+$/.test(entry) && isLivingMember(entry, group))
}

function isLivingMember(pid: string, group: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name, in parentheses, may hold anything; state, parent and group follow it.
    const [state, , processGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return Number(processGroup) === group && state !== 'Z' && state !== 'X'
  } catch {
    return false
  }
}

/** false: there is no such group. (EPERM too: macOS answers so for a group of zombies.) */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal)
  } catch {
    return false
  }
}
