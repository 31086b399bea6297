import { createServer, type Server } from 'node:http'
import { chargeServerTo, onRequestEnd, totals } from './index.ts'
import { RequestCpuHistogram, renderTotals } from './open-metrics.ts'
import { warn } from './warning.ts'

/**
 * Serves `/metrics` on 127.0.0.1. The server does not keep the process alive, and its CPU goes to the bucket
 * `telemetry`. If the port is in use, it only prints one warning line.
 */
export function serveMetrics(port: number): Server {
  const histogram = new RequestCpuHistogram()
  onRequestEnd(histogram.observe)
  const server = createServer((request, response) => {
    const current = totals()
    if (request.url?.split('?', 1)[0] !== '/metrics' || current === undefined) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('Try /metrics.\n')
      return
    }
    response.writeHead(200, { 'content-type': 'application/openmetrics-text; version=1.0.0; charset=utf-8' })
    response.end(`${histogram.render()}${renderTotals(current)}# EOF\n`)
  })
  chargeServerTo(server, 'telemetry')
  server.on('error', error => warn(`no metrics: ${error.message}`))
  server.on('connection', socket => socket.unref())
  // In a worker of `cluster` a shared port would answer for a random worker.
  return server.listen({ port, host: '127.0.0.1', exclusive: true }).unref()
}
