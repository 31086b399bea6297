import { readlinkSync } from 'node:fs'
import { listOrNone, readOrNull } from './proc.ts'

/** TCP sockets as Linux lists them in `/proc`. */

export interface SocketRow {
  readonly local: SocketEnd
  readonly remote: SocketEnd
  readonly listens: boolean
  readonly inode: string
  readonly userId: number
}

export interface SocketEnd {
  readonly address: string
  readonly port: number
}

/** The TCP sockets of this machine, or of the container that the lab is in. */
export function readSockets(): SocketRow[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap(file => parseSockets(readOrNull(file) ?? ''))
}

/** Parses `/proc/net/tcp` and `tcp6` (proc_net(5)). */
export function parseSockets(table: string): SocketRow[] {
  return table
    .split('\n')
    .slice(1)
    .map(line => line.trim().split(/\s+/))
    .filter(({ length }) => length > 9)
    .map(([, local = '', remote = '', state, , , , userId, , inode = '']) => ({
      ...{
        local: endOf(local),
        remote: endOf(remote),
        listens: state === '0A',
        inode,
        userId: Number(userId),
      },
    }))
}

/** `0100007F:1F90`: the address in 32-bit words of the machine's byte order, the port as a number. */
function endOf(text: string): SocketEnd {
  const [hex = '', port = ''] = text.split(':')
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap(word => (word.match(/../g) ?? []).toReversed())
  return { address: addressOf(bytes), port: Number.parseInt(port, 16) }
}

function addressOf(bytes: readonly string[]): string {
  const dotted = (some: readonly string[]) => some.map(byte => Number.parseInt(byte, 16)).join('.')
  if (bytes.length === 4) return dotted(bytes)
  const text = bytes.join('').toLowerCase()
  if (text.startsWith(`${'0'.repeat(20)}ffff`)) return dotted(bytes.slice(12))
  // The URL parser shortens an IPv6 address.
  return new URL(`http://[${text.match(/.{4}/g)?.join(':')}]`).hostname.slice(1, -1)
}

/** Inodes of the sockets that a process has open. */
export function socketsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  return listOrNone(folder).flatMap(
    fd => /^socket:\[(\d+)\]$/.exec(linkOrEmpty(`${folder}/${fd}`))?.[1] ?? [],
  )
}

/** Ports of 127.0.0.1 on which a process listens. */
export function loopbackPortsOf(pid: number): number[] {
  const inodes = new Set(socketsOf(pid))
  return readSockets()
    .filter(({ listens, inode, local }) => listens && inodes.has(inode) && local.address === '127.0.0.1')
    .map(({ local }) => local.port)
}

function linkOrEmpty(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
