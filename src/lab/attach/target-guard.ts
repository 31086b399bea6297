import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { LabError } from '../errors.ts'

/**
 * Loopback and private addresses. Link-local ones are left out: 169.254.169.254 is where clouds answer with
 * credentials.
 */
const own = new BlockList()
own.addSubnet('127.0.0.0', 8)
own.addSubnet('10.0.0.0', 8)
own.addSubnet('172.16.0.0', 12)
own.addSubnet('192.168.0.0', 16)
own.addAddress('::1', 'ipv6')
own.addSubnet('fc00::', 7, 'ipv6')

/** Whether an IP address is loopback or private; an IPv4 address may come as `::ffff:10.0.0.1`. */
export function isOwnAddress(address: string): boolean {
  const family = isIP(address)
  return family !== 0 && own.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

export type Lookup = (host: string) => Promise<readonly string[]>

/**
 * Refuses to load what may be somebody else's: every address that the host has must be loopback or private.
 * A name is resolved first, because anybody may call a public address `localhost.example`.
 *
 * Throws LAB_TARGET with the address that it stumbled over, or where the name has none.
 */
export async function requireOwnTarget(url: string, resolve: Lookup = resolveAll): Promise<void> {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '')
  const addresses = isIP(host) ? [host] : await addressesOf(host, resolve)
  const foreign = addresses.find(address => !isOwnAddress(address))
  if (foreign === undefined) return
  throw new LabError(
    'LAB_TARGET',
    `${host === foreign ? host : `${host} (${foreign})`} is neither loopback nor a private address`,
    'Load your own services only. If this is one, and whoever runs it agrees: --i-own-this-target',
  )
}

async function addressesOf(host: string, resolve: Lookup): Promise<readonly string[]> {
  try {
    return await resolve(host)
  } catch (cause) {
    throw new LabError('LAB_TARGET', `${host} has no address`, 'Correct --url.', { cause })
  }
}

async function resolveAll(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address)
}
