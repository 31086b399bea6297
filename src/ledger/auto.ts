import { isMainThread } from 'node:worker_threads'
import { isLedgerRunning, startLedger } from './index.ts'
import { serveMetrics } from './metrics-server.ts'
import { warn } from './warning.ts'

/**
 * `node --import @insertlab/cpu-ledger/auto server.js`, or the same in `NODE_OPTIONS`: starts the ledger before the
 * application. `CPU_LEDGER_PORT=9465` serves its metrics on 127.0.0.1.
 */
try {
  if (!isLedgerRunning()) {
    startLedger()
    const port = portOf(process.env['CPU_LEDGER_PORT'])
    if (port !== undefined && isMainThread) serveMetrics(port)
  }
} catch (error) {
  warn(`the ledger does not run: ${(error as Error).message}`)
}

function portOf(text: string | undefined): number | undefined {
  if (text === undefined || text.trim() === '') return undefined
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  warn(`CPU_LEDGER_PORT is ${JSON.stringify(text)}. Set it to a port from 0 to 65535.`)
  return undefined
}
