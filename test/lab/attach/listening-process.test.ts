import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { listeningInodes, listeningProcess } from '../../../src/lab/attach/listening-process.ts'
import { findFreePort } from '../../../src/lab/stack/free-port.ts'

test('reads the sockets that listen on a port, and no others, off /proc/net/tcp', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 5001 1 0000000000000000 100 0 0 10 0',
    // A connection from that port, and a listener on another.
    '   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 5002 1 0000000000000000 20 4 30 10 -1',
    '   2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 5003 1 0000000000000000 100 0 0 10 0',
  ].join('\n')
  expect(listeningInodes(table, 8080)).toEqual(['5001'])
  expect(listeningInodes(table, 80)).toEqual([])
})

test.runIf(process.platform === 'linux')('finds the process behind a port of this machine', async () => {
  const port = await findFreePort()
  expect(listeningProcess(port)).toBeNull()
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  expect(listeningProcess(port)).toBe(process.pid)
  server.close()
})
