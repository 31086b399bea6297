/**
 * A plain `node:http` application for all that clients and handlers do wrong. `/inspect` collects the garbage and tells
 * what is left: requests that started and have not ended, and the heap.
 */
import { subscribe } from 'node:diagnostics_channel'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { onRequestEnd, totals } from '../../src/ledger/index.ts'

let started = 0
let ended = 0
let withoutAnswer = 0
subscribe('http.server.request.start', () => {
  started += 1
})
onRequestEnd(({ statusCode }) => {
  ended += 1
  if (statusCode === undefined) withoutAnswer += 1
})
const collectGarbage = gc
if (collectGarbage === undefined) throw new Error('start it with --expose-gc')

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  switch (request.url) {
    case '/wait':
      await sleep(1)
      break
    case '/throws':
      await sleep(1)
      throw new Error('as intended')
    case '/body':
      for await (const _ of request);
      break
    case '/never':
      return
    case '/inspect':
      collectGarbage?.()
      // Ends the ledger's tick, so that what has closed has ended.
      totals()
      // This request is open itself.
      response.end(
        JSON.stringify({
          started,
          open: started - ended - 1,
          withoutAnswer,
          heap: process.memoryUsage().heapUsed,
        }),
      )
      return
  }
  response.end('an answer')
}

const server = createServer(async (request, response) => {
  // Thrown by the handler itself, and nobody catches it.
  if (request.url === '/throws-at-once') throw new Error('as intended')
  try {
    await answer(request, response)
  } catch {
    if (!response.destroyed) response.writeHead(500).end('an error')
  }
})
server.on('upgrade', (_request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n')
  socket.on('data', chunk => socket.write(chunk))
  socket.on('error', () => {})
})
// The client of such a request gets no answer and goes.
process.on('unhandledRejection', () => {})
server.listen({ host: '127.0.0.1', port: Number(process.env['PORT']), backlog: 4096 })
