import Fastify from 'fastify'
import { burnCpuUs, statusFor } from './burn.js'

const { wait } = await import(`./waits/${process.env.WAIT ?? 'pg'}.js`)

const app = Fastify()

app.get('/work/:name', async (request, reply) => {
  const us = Number(request.query.us ?? 0)
  const id = await wait()
  burnCpuUs(us)
  reply.code(statusFor(us))
  return { id }
})

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT), backlog: 1024 })
