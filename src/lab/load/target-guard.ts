import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { LabError } from '../errors.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')
/** A connection to "any address" reaches this machine. */
loopback.addAddress('0.0.0.0')
loopback.addAddress('::', 'ipv6')

/** Private addresses. Link-local ones are left out: 169.254.169.254 is where clouds answer with credentials. */
const privateRanges = new BlockList()
privateRanges.addSubnet('10.0.0.0', 8)
privateRanges.addSubnet('172.16.0.0', 12)
privateRanges.addSubnet('192.168.0.0', 16)
privateRanges.addSubnet('fc00::', 7, 'ipv6')

function isIn(list: BlockList, address: string): boolean {
  const family = isIP(address)
  return family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

/** Whether an IP address is this machine's, or private; an IPv4 address may come as `::ffff:10.0.0.1`. */
export function isOwnAddress(address: string): boolean {
  return isIn(loopback, address) || isIn(privateRanges, address)
}

/** Whether an IP address is one of this machine: loopback, "any address", or that of a network interface. */
export function isOfThisMachine(address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  return (
    isIn(loopback, plain) ||
    Object.values(networkInterfaces()).some(addresses => addresses?.some(one => one.address === plain))
  )
}

export type Lookup = (host: string) => Promise<readonly string[]>

/** The addresses of a host, which may have the brackets of an IPv6 address in a URL. Throws LAB_TARGET if there are none. */
export async function addressesOf(host: string, resolve: Lookup = resolveAll): Promise<readonly string[]> {
  const plain = host.replace(/^\[|\]$/g, '')
  if (isIP(plain)) return [plain]
  try {
    return await resolve(plain)
  } catch (cause) {
    throw new LabError('LAB_TARGET', `${plain} has no address`, 'Correct --url.', { cause })
  }
}

/**
 * Refuses to load what may be somebody else's: every address that the host has must be this machine's or private.
 * A name is resolved first, because anybody may call a public address `localhost.example`.
 *
 * Throws LAB_TARGET with the address that is neither, or where the name has none.
 */
export async function requireOwnTarget(url: string, resolve: Lookup = resolveAll): Promise<void> {
  const { hostname } = new URL(url)
  const addresses = await addressesOf(hostname, resolve)
  const foreign = addresses.find(address => !isOwnAddress(address))
  if (foreign === undefined) return
  throw new LabError(
    'LAB_TARGET',
    `${isIP(hostname) ? foreign : `${hostname} (${foreign})`} is neither loopback nor a private address`,
    'Load your own services only. If this is one, and whoever runs it agrees: --i-own-this-target',
  )
}

/** Whether one of the addresses of the URL's host is of this machine. */
export async function leadsHere(url: string, resolve: Lookup = resolveAll): Promise<boolean> {
  return (await addressesOf(new URL(url).hostname, resolve)).some(isOfThisMachine)
}

async function resolveAll(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address)
}
