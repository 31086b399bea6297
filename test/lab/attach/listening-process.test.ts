import { once } from 'node:events'
import { createServer } from 'node:net'
import { hostname } from 'node:os'
import { describe, expect, test } from 'vitest'
import { acceptedInode, acceptingAt, acceptingProcesses } from '../../../src/lab/attach/listening-process.ts'
import { targetProcesses } from '../../../src/lab/attach/target-process.ts'
import { parseSockets } from '../../../src/lab/probes/sockets.ts'
import { findFreePort } from '../../../src/lab/stack/free-port.ts'
import { startSharing } from '../../fixtures/start-sharing-service.ts'

const table = [
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
  '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 5001 1 0000000000000000 100 0 0 10 0',
  // A connection to that port, both ends of it, and one that nobody has accepted yet.
  '   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 5002 1 0000000000000000 20 4 30 10 -1',
  '   2: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 5003 1 0000000000000000 20 4 30 10 -1',
  '   3: 0100007F:1F90 0100007F:C351 01 00000000:00000000 00:00000000 00000000     0        0 0 1 0000000000000000 20 4 30 10 -1',
  // A listener on another port, and one of the same on all addresses.
  '   4: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 5004 1 0000000000000000 100 0 0 10 0',
  '   5: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 5005 1 0000000000000000 100 0 0 10 0',
].join('\n')
const table6 = [
  '  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
  '   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 6001 1 0000000000000000 100 0 0 10 0',
  '   1: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 6002 1 0000000000000000 100 0 0 10 0',
  '   2: 0000000000000000FFFF00000100007F:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 6003 1 0000000000000000 100 0 0 10 0',
].join('\n')

describe('/proc/net/tcp', () => {
  test('the sockets that listen, and no others', () => {
    const listening = parseSockets(table).filter(({ listens }) => listens)
    expect(listening.map(({ local, inode, userId }) => ({ ...local, inode, userId }))).toEqual([
      { address: '127.0.0.1', port: 8080, inode: '5001', userId: 1000 },
      { address: '127.0.0.1', port: 8081, inode: '5004', userId: 1000 },
      { address: '0.0.0.0', port: 8080, inode: '5005', userId: 33 },
    ])
    expect(parseSockets(table6).map(({ local }) => local.address)).toEqual(['::1', '::', '127.0.0.1'])
  })

  test('the accepted end of a connection', () => {
    const sockets = parseSockets(table)
    expect(acceptedInode(sockets, 8080, 50_000)).toBe('5002')
    expect(acceptedInode(sockets, 8080, 50_001)).toBeUndefined()
    expect(acceptedInode(sockets, 8080, 50_002)).toBeUndefined()
  })

  test('a socket on the very address takes the connection before one on all of them', () => {
    const sockets = [...parseSockets(table), ...parseSockets(table6).slice(0, 2)].filter(
      ({ listens, local }) => listens && local.port === 8080,
    )
    const inodes = (address: string) => acceptingAt(address, sockets).map(({ inode }) => inode)
    expect(inodes('127.0.0.1')).toEqual(['5001'])
    expect(inodes('127.0.0.2')).toEqual(['5005'])
    expect(inodes('::1')).toEqual(['6001'])
    expect(inodes('fd00::2')).toEqual(['6002'])
    const both = sockets.filter(({ local }) => local.address === '::')
    expect(acceptingAt('127.0.0.1', both)).toEqual(both)
  })
})

describe.runIf(process.platform === 'linux')('whoever accepts connections', () => {
  test('is found in this process', async () => {
    const port = await findFreePort()
    const nobody = await acceptingProcesses(['127.0.0.1'], port)
    expect(nobody).toEqual({ unknownBecause: expect.stringContaining(`listens on 127.0.0.1, port ${port}`) })
    const server = createServer().listen(port, '127.0.0.1')
    await once(server, 'listening')
    expect(await acceptingProcesses(['127.0.0.1'], port)).toEqual({ pids: [process.pid] })
    server.close()
  })

  test('is all of several processes with SO_REUSEPORT', async () => {
    const port = await findFreePort()
    await using one = await startSharing('reuse-port', port)
    await using other = await startSharing('reuse-port', port)
    const pids = [one.pid, other.pid].toSorted((a, b) => a - b)
    expect(await acceptingProcesses(['127.0.0.1'], port)).toEqual({ pids })
  })

  test('is not who listens on the same port of another address', async () => {
    const port = await findFreePort()
    await using here = await startSharing('alone', port)
    await using beside = await startSharing('alone', port, { host: '127.0.0.2' })
    expect(await targetProcesses({}, `http://127.0.0.1:${port}`)).toEqual({ pids: [here.pid] })
    expect(await targetProcesses({}, `http://127.0.0.2:${port}`)).toEqual({ pids: [beside.pid] })
    const both = await acceptingProcesses(['127.0.0.1', '127.0.0.2'], port)
    expect(both).toEqual({ unknownBecause: expect.stringContaining('different services') })
  })

  test('is found by any name of this machine', async () => {
    const port = await findFreePort()
    await using service = await startSharing('alone', port, { host: '0.0.0.0' })
    for (const host of ['localhost', '0.0.0.0', '127.0.0.9', hostname()]) {
      expect(await targetProcesses({}, `http://${host}:${port}`), host).toEqual({ pids: [service.pid] })
    }
  })

  test('is a parent with its workers, whichever of them accepts', async () => {
    for (const kind of ['handing-out', 'lending'] as const) {
      const port = await findFreePort()
      await using service = await startSharing(kind, port)
      expect(await acceptingProcesses(['127.0.0.1'], port), kind).toEqual({ pids: [service.pid] })
    }
  })

  test('is never the manager that only opened the socket', async () => {
    const port = await findFreePort()
    await using service = await startSharing('lending', port, { argv0: '/lib/systemd/systemd' })
    expect(await acceptingProcesses(['127.0.0.1'], port)).toEqual({ pids: service.workers })
  })

  test('is unknown where a manager accepts for what it starts', async () => {
    const port = await findFreePort()
    await using service = await startSharing('handing-out', port, { argv0: 'PM2 v6.0.5: God Daemon' })
    expect(await acceptingProcesses(['127.0.0.1'], port)).toEqual({
      unknownBecause: `its socket belongs to PM2 v6.0.5 (pid ${service.pid}), which starts other programs too`,
    })
  })

  test('is unknown on another machine', async () => {
    expect(await targetProcesses({}, 'http://192.0.2.1:80')).toEqual({
      unknownBecause: '192.0.2.1 is another machine',
    })
  })
})
