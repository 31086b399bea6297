import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'

const schema = {
  operationId: 'ping',
  summary: 'The cheapest answer',
  description: 'What HTTP, routing and serialising cost without any work behind them.',
  tags: ['lab'],
  response: { 200: Type.Object({ ping: Type.Literal('pong') }, { examples: [{ ping: 'pong' }] }) },
}

export const pingRoutes: FastifyPluginCallbackTypebox = (app, _options, done) => {
  app.get('/ping/', { schema }, (_request, reply) => {
    reply.send({ ping: 'pong' })
  })
  done()
}
