import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { describe, expect, it } from 'vitest'
import { findFreePort, isPortTaken } from '../../../src/lab/stack/free-port.ts'

async function listen(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

describe('findFreePort', () => {
  it('finds consecutive ports that can all be listened on', async () => {
    const first = await findFreePort(5)
    const servers = await Promise.all([0, 1, 2, 3, 4].map(offset => listen(first + offset)))
    expect(servers.every(server => server.listening)).toBe(true)
    for (const server of servers) server.close()
  })
})

describe('isPortTaken', () => {
  it('tells a taken port from a free one', async () => {
    const port = await findFreePort()
    expect(await isPortTaken(port, '127.0.0.1')).toBe(false)
    const server = await listen(port)
    expect(await isPortTaken(port, '127.0.0.1')).toBe(true)
    server.close()
  })
})
