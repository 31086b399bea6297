import { spawnSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { readTree } from '../probes/proc.ts'
import type { Profiler } from '../stack/programs.ts'
import { catchesSigusr1 } from './inspector.ts'

/**
 * How to profile a service that runs already: Node through its inspector, Python by py-spy. Of several processes the one that
 * has used most CPU is profiled.
 *
 * @returns why it cannot be profiled, as a sentence, if it cannot
 */
export function profilerOfRunning(roots: readonly number[]): Profiler | string {
  const processes = roots.flatMap(readTree).toSorted((a, b) => b.ownUs - a.ownUs)
  const known = processes.map(({ pid }) => ({ pid, program: programOf(pid) }))
  const busiest = known.find(({ program }) => isNode.test(program) || isPython.test(program))
  if (busiest === undefined)
    return 'No profile: the service is neither Node nor Python, or its process is unknown.'
  const { pid, program } = busiest
  if (isPython.test(program)) {
    return spawnSync('py-spy', ['--version']).status === 0
      ? { kind: 'py-spy', command: 'py-spy', pid }
      : 'No profile: py-spy is not installed. Install it with: pip install py-spy'
  }
  if (!isInNetworkOfLab(pid))
    return 'No profile: the service runs in a network of its own, such as a container.'
  return catchesSigusr1(pid)
    ? { kind: 'inspector', pid: () => Promise.resolve(pid) }
    : 'No profile: this Node process does not open its inspector at SIGUSR1.'
}

const isNode = /^node(?:js)?[\d.]*$/
const isPython = /^python[\d.]*$/

function programOf(pid: number): string {
  return basename(linkOrEmpty(`/proc/${pid}/exe`))
}

/** Otherwise an inspector that was opened could not be reached, and would stay open. */
function isInNetworkOfLab(pid: number): boolean {
  return linkOrEmpty(`/proc/${pid}/ns/net`) === linkOrEmpty('/proc/self/ns/net')
}

function linkOrEmpty(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
