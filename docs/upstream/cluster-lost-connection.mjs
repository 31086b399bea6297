/**
 * Shows that Node's cluster module forgets a connection when a worker dies while the connection is handed to it.
 *
 *   node docs/upstream/cluster-lost-connection.mjs
 *
 * The text of the report is in cluster-lost-connection.md. Works on Linux and macOS (it needs SIGSTOP).
 */
import cluster from 'node:cluster'
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const waitMs = 5_000

if (cluster.isPrimary) {
  const port = await startWorkers()
  const [stopped] = Object.values(cluster.workers)
  stopped.process.kill('SIGSTOP')
  const clients = Array.from({ length: 6 }, () => ask(port))
  // The running worker answers its clients. The stopped one is sent a connection, which it does not take.
  await sleep(1_000)
  stopped.process.kill('SIGKILL')
  await once(stopped, 'exit')
  await sleep(waitMs)
  const states = clients.map(({ state }) => state)
  console.log(`node ${process.version}: ${states.join(', ')}`)
  const isLost = states.includes('waiting')
  console.log(isLost ? `DEFECT: a client still waits ${waitMs} ms after the worker's death` : 'as expected')
  process.exit(isLost ? 1 : 0)
} else {
  createServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1')
}

async function startWorkers() {
  let port = 0
  for (let i = 0; i < 2; i++) {
    cluster.fork()
    const [, address] = await once(cluster, 'listening')
    port = address.port
  }
  return port
}

/** A request on a connection of its own, and what has become of it. */
function ask(port) {
  const client = { state: 'waiting' }
  get({ port, host: '127.0.0.1', agent: false }, response => {
    response.resume()
    client.state = 'answered'
  }).on('error', error => {
    client.state = `closed (${error.code})`
  })
  return client
}
