import { connect } from 'node:net'
import { basename } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { listPids, readOrNull, readTree } from '../probes/proc.ts'
import { readSockets, type SocketRow, socketsOf } from '../probes/sockets.ts'

/** The root processes of a service, or why they are not certain. */
export type Found = { readonly pids: readonly number[] } | { readonly unknownBecause: string }

/**
 * The processes of this machine that accept connections to a port at these addresses. If several share a socket, it is
 * their common parent. If each has a socket of its own (SO_REUSEPORT), it is all of them.
 *
 * A program that only opens the socket for others (systemd, a process manager) is not the service. The function makes
 * one connection to check: the process that accepts it must be one of those found.
 */
export async function acceptingProcesses(addresses: readonly string[], port: number): Promise<Found> {
  if (process.platform !== 'linux')
    return { unknownBecause: 'this system does not say who listens on a port' }
  const sockets = readSockets().filter(({ listens, local }) => listens && local.port === port)
  const [first, ...others] = [...new Set(addresses.map(connectable))]
    .map(address => ({ address, sockets: acceptingAt(address, sockets) }))
    .filter(reached => reached.sockets.length > 0)
  if (first === undefined) {
    return {
      unknownBecause: `no process that can be seen from here listens on ${addresses.join(' or ')}, port ${port} (it may run in a container, or behind a forwarder)`,
    }
  }
  const found = await ownersOf(first, port)
  if ('unknownBecause' in found) return found
  for (const other of others) {
    if (isDeepStrictEqual(await ownersOf(other, port), found)) continue
    return {
      unknownBecause: `${first.address} and ${other.address} have different services on port ${port}, and the name in the URL means both`,
    }
  }
  return found
}

/** A connection to "any address" arrives at loopback. */
function connectable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1'
  return address === '::' ? '::1' : address.replace(/^::ffff:(?=\d+\.)/i, '')
}

/** Inode of the accepted end of a connection from a local port; undefined: not accepted yet. */
export function acceptedInode(
  sockets: readonly SocketRow[],
  port: number,
  fromPort: number,
): string | undefined {
  const row = sockets.find(one => one.local.port === port && one.remote.port === fromPort)
  return row?.inode === '0' ? undefined : row?.inode
}

/** A socket on this address comes before one on all addresses, and one of the same family before one of both. */
export function acceptingAt(address: string, sockets: readonly SocketRow[]): SocketRow[] {
  const any = address.includes(':') ? ['::'] : ['0.0.0.0', '::']
  for (const wanted of [address, ...any]) {
    const accepting = sockets.filter(one => one.local.address === wanted)
    if (accepting.length > 0) return accepting
  }
  return []
}

interface Reached {
  readonly address: string
  /** Those that accept connections to the address. */
  readonly sockets: readonly SocketRow[]
}

async function ownersOf({ address, sockets }: Reached, port: number): Promise<Found> {
  const holders = holdersOf(new Set(sockets.map(({ inode }) => inode)))
  const hidden = sockets.find(({ inode }) => !holders.some(({ inodes }) => inodes.has(inode)))
  if (hidden !== undefined) {
    return {
      unknownBecause: `a process that listens there cannot be seen (it belongs to the user with the id ${hidden.userId}, or is in a container)`,
    }
  }
  const candidates = holders.map(({ pid }) => pid)
  const services = candidates.filter(pid => !opensForOthers(pid))
  const pids = rootsOf(services)
  const [manager] = candidates
  if (pids.length === 0) {
    return {
      unknownBecause: `its socket belongs to ${nameOf(manager)}, which starts other programs too`,
    }
  }
  const acceptedBy = await acceptingProcess(address, port)
  const trees = new Set(pids.flatMap(pid => readTree(pid).map(one => one.pid)))
  if (acceptedBy === null || trees.has(acceptedBy)) return { pids }
  return {
    unknownBecause: `${pids.map(nameOf).join(' and ')} listens there, but the connection came to ${nameOf(acceptedBy)}`,
  }
}

/** The processes that are not descendants of another one in the list. */
export function rootsOf(pids: readonly number[]): number[] {
  const below = new Set(
    pids.flatMap(root => readTree(root).flatMap(({ pid }) => (pid === root ? [] : [pid]))),
  )
  return pids.filter(pid => !below.has(pid)).toSorted((a, b) => a - b)
}

/** Names of programs that open sockets for what they start. */
const managers = /^(?:systemd|init|launchd|x?inetd|s6-|supervisord|PM2 )/

/** An ancestor of the lab, or a process manager, has other programs as children too. */
function opensForOthers(pid: number): boolean {
  if (pid === process.pid) return false
  return managers.test(commandOf(pid)) || readTree(pid).some(one => one.pid === process.pid)
}

/** The name of the program as it was started, or the title that it gave itself; never its arguments. */
export function commandOf(pid: number): string {
  const [started = ''] = (readOrNull(`/proc/${pid}/cmdline`) ?? '').split('\0')
  const name = started.startsWith('/') ? basename(started) : started.split(':')[0]
  return name || readOrNull(`/proc/${pid}/comm`)?.trim() || 'unknown'
}

export function nameOf(pid: number | undefined): string {
  return pid === undefined ? 'no process' : `${commandOf(pid)} (pid ${pid})`
}

const acceptPatienceMs = 500
const acceptRetryMs = 20

/** The process that accepts a connection; null if none accepts it within the time. */
async function acceptingProcess(address: string, port: number): Promise<number | null> {
  const socket = connect(port, address)
  socket.on('error', () => {})
  try {
    const deadline = performance.now() + acceptPatienceMs
    while (performance.now() < deadline) {
      await pause(acceptRetryMs)
      const { localPort } = socket
      if (localPort === undefined) continue
      const inode = acceptedInode(readSockets(), port, localPort)
      const [holder] = inode === undefined ? [] : holdersOf(new Set([inode]))
      if (holder !== undefined) return holder.pid
    }
    return null
  } finally {
    socket.destroy()
  }
}

/** The processes that have one of these sockets open, by inode, and which. */
function holdersOf(sockets: ReadonlySet<string>) {
  return listPids()
    .map(pid => ({ pid, inodes: new Set(socketsOf(pid).filter(inode => sockets.has(inode))) }))
    .filter(({ inodes }) => inodes.size > 0)
}
