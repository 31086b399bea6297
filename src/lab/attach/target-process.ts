import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LabError } from '../errors.ts'
import { addressesOf, isOfThisMachine } from '../load/target-guard.ts'
import { acceptingProcesses, commandOf, type Found, rootsOf } from './listening-process.ts'

/** How the target's process was named; none of it: whoever listens on the URL's port, if it is this machine's. */
export interface ProcessName {
  readonly pid?: number | undefined
  readonly container?: string | undefined
  readonly cgroup?: string | undefined
}

/**
 * The processes whose trees are the target, or why its CPU cannot be read. Throws LAB_TARGET where what was named is
 * not there.
 */
export async function targetProcesses({ pid, container, cgroup }: ProcessName, url: string): Promise<Found> {
  if (pid !== undefined) return { pids: [existing(pid)] }
  if (container !== undefined) return { pids: [existing(containerPid(container))] }
  return cgroup === undefined ? localListeners(url) : { pids: cgroupRoots(cgroup) }
}

async function localListeners(url: string): Promise<Found> {
  const { hostname, port, protocol } = new URL(url)
  const addresses = await addressesOf(hostname)
  const here = addresses.filter(isOfThisMachine)
  if (here.length === 0) return { unknownBecause: `${hostname} is another machine` }
  const portNumber = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
  const found = await acceptingProcesses(here, portNumber)
  const isForwarded = 'pids' in found && found.pids.some(pid => commandOf(pid) === 'docker-proxy')
  return isForwarded ? { pids: [publishingContainer(portNumber)] } : found
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
function cgroupRoots(path: string): number[] {
  const folder = path.startsWith('/sys/fs/cgroup') ? path : join('/sys/fs/cgroup', path)
  let pids: number[]
  try {
    pids = readFileSync(join(folder, 'cgroup.procs'), 'utf8').trim().split('\n').filter(Boolean).map(Number)
  } catch {
    throw notThere(`there is no cgroup ${folder}`)
  }
  const roots = rootsOf(pids)
  if (roots.length > 0) return roots
  throw notThere(`the cgroup ${folder} has no process`)
}

function notThere(what: string): LabError {
  return new LabError(
    'LAB_TARGET',
    what,
    'Name the process with --pid, or leave it out: then its CPU is not read.',
  )
}
