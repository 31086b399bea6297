import cluster from 'node:cluster'
import { subscribe } from 'node:diagnostics_channel'
import { Server } from 'node:http'
import { isMainThread } from 'node:worker_threads'
import { isLedgerRunning, startLedger } from './index.ts'
import { serveMetrics } from './metrics-server.ts'
import { warn } from './warning.ts'

/**
 * `node --import @insertlab/cpu-ledger/auto server.js`, or the same in `NODE_OPTIONS`: starts the ledger before the
 * application. `CPU_LEDGER_PORT=9465` serves its metrics on 127.0.0.1 as soon as the process serves HTTP, so that `npm`
 * and other parents that inherit `NODE_OPTIONS` do not take the port.
 */
try {
  if (!isLedgerRunning()) {
    startLedger()
    const port = portOf(process.env['CPU_LEDGER_PORT'])
    if (port !== undefined && isMainThread) whenServingHttp(() => serveMetrics(port))
  }
} catch (error) {
  warn(`the ledger does not run: ${(error as Error).message}`)
}

/** Each worker of `cluster` has its own port: `CPU_LEDGER_PORT` plus the id of the worker. */
function portOf(text: string | undefined): number | undefined {
  if (text === undefined || text.trim() === '') return undefined
  const port = Number(text)
  const own = port === 0 ? 0 : port + (cluster.worker?.id ?? 0)
  if (Number.isInteger(own) && own >= 0 && own <= 65_535) return own
  warn(`CPU_LEDGER_PORT is ${JSON.stringify(text)}. Set it to a port from 0 to 65535.`)
  return undefined
}

/** Calls `serve` when the first HTTP server listens or, if Node does not report that, when the first request comes. */
function whenServingHttp(serve: () => void): void {
  let isServing = false
  const once = () => {
    if (isServing) return
    isServing = true
    serve()
  }
  subscribe('tracing:net.server.listen:asyncEnd', message => {
    if ((message as { server?: unknown }).server instanceof Server) once()
  })
  subscribe('http.server.request.start', once)
}
