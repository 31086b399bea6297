import { createServer } from 'node:http'
import { burnCpuUs, statusFor } from './burn.js'

const { wait } = await import(`./waits/${process.env.WAIT ?? 'pg'}.js`)

createServer(async (request, response) => {
  const us = Number(new URL(request.url, 'http://localhost').searchParams.get('us') ?? 0)
  const id = await wait()
  burnCpuUs(us)
  response.writeHead(statusFor(us), { 'content-type': 'application/json' })
  response.end(JSON.stringify({ id }))
}).listen(Number(process.env.PORT), '127.0.0.1')
