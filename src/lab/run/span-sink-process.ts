import { createServer } from 'node:http'

/**
 * A receiver of OTLP over HTTP that swallows what it gets and answers as a collector does. In a process of
 * its own (`span-sink.ts` starts it), so that exporting costs the service what it would cost in earnest
 * and the lab nothing. It says its port on its standard output.
 */
const server = createServer((request, response) => {
  request.resume().on('end', () => {
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  })
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address !== null) console.log(address.port)
})
