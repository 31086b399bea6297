import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LabError } from '../errors.ts'
import { isOwnAddress } from '../load/target-guard.ts'
import { readOrNull } from '../probes/proc.ts'
import { listeningProcess, rootOf } from './listening-process.ts'

/** How the target's process was named; none of it: whoever listens on the URL's port, if it is this machine's. */
export interface ProcessName {
  readonly pid?: number | undefined
  readonly container?: string | undefined
  readonly cgroup?: string | undefined
}

/**
 * The process whose tree is the target. null where nothing was named and nothing is found, and then its CPU
 * cannot be read. Throws LAB_TARGET where what was named is not there.
 */
export function targetProcess({ pid, container, cgroup }: ProcessName, url: string): number | null {
  if (pid !== undefined) return existing(pid)
  if (container !== undefined) return existing(containerPid(container))
  if (cgroup !== undefined) return cgroupRoot(cgroup)
  return localListener(url)
}

function localListener(url: string): number | null {
  const { hostname, port, protocol } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  if (host !== 'localhost' && !(isOwnAddress(host) && /^(?:127\.|::1$)/.test(host))) return null
  const portNumber = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
  const pid = listeningProcess(portNumber)
  const isForwarder = pid !== null && readOrNull(`/proc/${pid}/comm`)?.trim() === 'docker-proxy'
  return isForwarder ? publishingContainer(portNumber) : pid
}

/** Docker forwards a published port, and the CPU of the forwarder says nothing of the service. */
function publishingContainer(port: number): number {
  const asked = spawnSync('docker', ['ps', '--quiet', '--filter', `publish=${port}`], { encoding: 'utf8' })
  const [id, ...others] = (asked.stdout ?? '').split('\n').filter(Boolean)
  if (id !== undefined && others.length === 0) return existing(containerPid(id))
  throw notThere(`port ${port} is forwarded by Docker, and the docker command names no container for it`)
}

function existing(pid: number): number {
  if (process.platform !== 'linux' || existsSync(`/proc/${pid}`)) return pid
  throw notThere(`there is no process ${pid}`)
}

function containerPid(name: string): number {
  const asked = spawnSync('docker', ['inspect', '--format', '{{.State.Pid}}', '--', name], {
    encoding: 'utf8',
  })
  const pid = Number(asked.stdout)
  if (asked.status === 0 && pid > 0) return pid
  throw notThere(
    asked.error === undefined
      ? `the container ${name} does not run: ${asked.stderr.trim()}`
      : 'there is no docker command to ask for the container',
  )
}

/** Everything below the path, as the kernel lists it; `/sys/fs/cgroup` may be left out. */
function cgroupRoot(path: string): number {
  const folder = path.startsWith('/sys/fs/cgroup') ? path : join('/sys/fs/cgroup', path)
  let pids: number[]
  try {
    pids = readFileSync(join(folder, 'cgroup.procs'), 'utf8').trim().split('\n').filter(Boolean).map(Number)
  } catch {
    throw notThere(`there is no cgroup ${folder}`)
  }
  const root = rootOf(pids)
  if (root !== null && pids.length > 0) return root
  throw notThere(`the cgroup ${folder} has ${pids.length} processes, and none is the others' parent`)
}

function notThere(what: string): LabError {
  return new LabError(
    'LAB_TARGET',
    what,
    'Name the process with --pid, or leave it out: then its CPU is not read.',
  )
}
