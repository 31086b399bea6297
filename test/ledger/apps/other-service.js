import { createServer } from 'node:http'

const server = createServer((_request, response) => {
  setTimeout(() => response.end('{"id":1}'), 1)
})
server.listen(0, '127.0.0.1', () => process.send(server.address().port))
process.on('disconnect', () => process.exit())
