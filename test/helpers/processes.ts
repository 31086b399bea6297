import { execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'vitest'

export interface ListedProcess {
  pid: number
  parentPid: number
  command: string
}

/** A Node process that runs `code`, killed when it goes out of scope. */
export function startScript(code: string): Disposable & { readonly pid: number } {
  const child = spawn(process.execPath, ['-e', code], { stdio: 'ignore' })
  if (child.pid === undefined) throw new Error('the process was not started')
  return { pid: child.pid, [Symbol.dispose]: () => void child.kill('SIGKILL') }
}

/** Every process of the machine that still runs; zombies, which only wait to be collected, are left out. */
export async function listProcesses(): Promise<ListedProcess[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'pid=,ppid=,stat=,args='])
  return stdout.split('\n').flatMap(line => {
    const [, pid, parentPid, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    if (state === undefined || state.startsWith('Z')) return []
    return [{ pid: Number(pid), parentPid: Number(parentPid), command: command ?? '' }]
  })
}

/** The process and all its descendants. */
export async function processTree(pid: number): Promise<number[]> {
  const processes = await listProcesses()
  const below = (parent: number): number[] =>
    processes.filter(each => each.parentPid === parent).flatMap(each => [each.pid, ...below(each.pid)])
  return [pid, ...below(pid)]
}

/** Waits until none of the processes is left, and fails naming those that are. */
export async function expectGone(pids: readonly number[]): Promise<void> {
  await expect.poll(async () => (await listProcesses()).filter(each => pids.includes(each.pid))).toEqual([])
}
