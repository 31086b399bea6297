import { readFileSync, readlinkSync } from 'node:fs'
import { listOrNone, listPids, readTree } from '../probes/proc.ts'

/**
 * The process of this machine that listens on a TCP port: of several that share the socket, the one that is
 * the others' parent. null where none can be seen: another machine, another user's process, another network
 * namespace, or no `/proc`.
 */
export function listeningProcess(port: number): number | null {
  const sockets = new Set(
    ['/proc/net/tcp', '/proc/net/tcp6'].flatMap(file => listeningInodes(readOrEmpty(file), port)),
  )
  if (sockets.size === 0) return null
  return rootOf(listPids().filter(pid => holdsAny(pid, sockets)))
}

/** The one whose tree has all the others; null where they have no such relation. */
export function rootOf(pids: readonly number[]): number | null {
  const isRoot = (root: number) => {
    const tree = new Set(readTree(root).map(({ pid }) => pid))
    return pids.every(pid => tree.has(pid))
  }
  return pids.find(isRoot) ?? null
}

/** Parses `/proc/net/tcp` (proc_net(5)): inodes of the sockets in state 0A, LISTEN, on a port. */
export function listeningInodes(table: string, port: number): string[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  return table
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === '0A' && local?.endsWith(`:${hexPort}`))
    .flatMap(fields => fields[9] ?? [])
}

function holdsAny(pid: number, sockets: ReadonlySet<string>): boolean {
  const folder = `/proc/${pid}/fd`
  return listOrNone(folder).some(fd => {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOrEmpty(`${folder}/${fd}`))?.[1]
    return inode !== undefined && sockets.has(inode)
  })
}

function linkOrEmpty(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
