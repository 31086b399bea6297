import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { codeOf } from '../errors.ts'

const attempts = 50

/**
 * The first of `count` consecutive TCP ports that are free on 127.0.0.1.
 *
 * The ports are found by listening on them and letting go again, so another process can take one before
 * its future owner does. That race is a few milliseconds wide and ends in a clear "address in use"; holding
 * the ports is not possible, because the owner is another program.
 */
export async function findFreePort(count = 1): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const held: Server[] = []
    try {
      const port = portBelowClients()
      for (let offset = 0; offset < count; offset++) held.push(await listen(port + offset))
      return port
    } catch {
      // One of the ports is taken: start over from another one.
    } finally {
      await Promise.all(held.map(server => once(server.close(), 'close')))
    }
  }
  throw new Error(`no ${count} consecutive free ports on 127.0.0.1 in ${attempts} attempts`)
}

/**
 * Above 10080, a port that `fetch` blocks, as browsers do, and below the ports that the kernel hands to clients (from
 * 32768 on Linux): a service connects to its database before it listens, and now and then it was handed the very port
 * that had been found for it.
 */
function portBelowClients(): number {
  return 11_000 + Math.floor(Math.random() * 20_000)
}

/** Whether another process listens on `port` of `host` right now. */
export async function isPortTaken(port: number, host: string): Promise<boolean> {
  try {
    await once((await listen(port, host)).close(), 'close')
    return false
  } catch (error) {
    return codeOf(error) === 'EADDRINUSE'
  }
}

async function listen(port: number, host = '127.0.0.1'): Promise<Server> {
  const server = createServer().listen({ port, host, exclusive: true })
  await once(server, 'listening')
  return server
}
