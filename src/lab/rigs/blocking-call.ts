/**
 * Preloaded into the service, makes each task request wait on the event loop itself for `RIG_BLOCK_MS`: a
 * synchronous driver, a lock held across a call, a `readFileSync` from a network disk. It takes no CPU, and
 * nothing else of that process runs meanwhile. How the CRUD service of the third report must have behaved.
 *
 *   NODE_OPTIONS='--import ./src/lab/rigs/blocking-call.ts' RIG_BLOCK_MS=3 npm start
 */
import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'

const blockMs = Number(process.env['RIG_BLOCK_MS'] ?? 0)
const neverNotified = new Int32Array(new SharedArrayBuffer(4))

subscribe('http.server.request.start', message => {
  const { request } = message as { request: IncomingMessage }
  if (request.url?.startsWith('/tasks')) Atomics.wait(neverNotified, 0, 0, blockMs)
})
