import { networkInterfaces } from 'node:os'
import { expect, test } from 'vitest'
import {
  isOfThisMachine,
  isOwnAddress,
  leadsHere,
  requireOwnTarget,
} from '../../../src/lab/load/target-guard.ts'

test.each([
  ['127.0.0.1', true],
  ['127.8.9.10', true],
  ['10.1.2.3', true],
  ['172.16.0.1', true],
  ['172.31.255.255', true],
  ['192.168.1.1', true],
  ['::1', true],
  ['fd12::1', true],
  // A connection to them comes out on this machine.
  ['0.0.0.0', true],
  ['::', true],
  ['::ffff:10.0.0.1', true],
  ['172.32.0.1', false],
  ['11.0.0.1', false],
  ['8.8.8.8', false],
  ['::ffff:8.8.8.8', false],
  ['2001:4860:4860::8888', false],
  // Where clouds answer with credentials.
  ['169.254.169.254', false],
  ['no address', false],
])('%s may be loaded: %s', (address, own) => {
  expect(isOwnAddress(address)).toBe(own)
})

const resolvesTo =
  (...addresses: string[]) =>
  async () =>
    addresses

test('a name is checked by every address that it has', async () => {
  const inside = resolvesTo('127.0.0.1', '::1')
  await expect(requireOwnTarget('http://inside.test:8000', inside)).resolves.toBeUndefined()
  const mixed = resolvesTo('10.0.0.1', '93.184.216.34')
  await expect(requireOwnTarget('http://mixed.test', mixed)).rejects.toMatchObject({
    code: 'LAB_TARGET',
    message: 'mixed.test (93.184.216.34) is neither loopback nor a private address',
    remedy: expect.stringContaining('--i-own-this-target'),
  })
})

test('an address needs no name server, in brackets neither', async () => {
  const never = () => Promise.reject(new Error('asked'))
  await expect(requireOwnTarget('http://[::1]:8000', never)).resolves.toBeUndefined()
  await expect(requireOwnTarget('http://8.8.8.8', never)).rejects.toMatchObject({ code: 'LAB_TARGET' })
  // URLs know several ways to write an address.
  await expect(requireOwnTarget('http://134744072', never)).rejects.toThrow('8.8.8.8')
})

test('a name without an address is said', async () => {
  const none = () => Promise.reject(new Error('ENOTFOUND'))
  await expect(requireOwnTarget('http://nowhere.test', none)).rejects.toMatchObject({
    message: 'nowhere.test has no address',
  })
})

test('this machine is loopback, any address, and its own interfaces', async () => {
  const interfaces = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? [])
  for (const { address } of interfaces) expect(isOfThisMachine(address), address).toBe(true)
  expect(['127.0.0.9', '::1', '0.0.0.0', '::', '::ffff:127.0.0.1'].every(isOfThisMachine)).toBe(true)
  expect(isOfThisMachine('192.0.2.1')).toBe(false)
  expect(await leadsHere('http://[::]:80')).toBe(true)
  expect(await leadsHere('http://name.test', resolvesTo('192.0.2.1', '127.0.0.1'))).toBe(true)
  expect(await leadsHere('http://192.0.2.1')).toBe(false)
})
