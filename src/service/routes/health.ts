import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { ServiceError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import { problemAnswers } from './problem-schema.ts'

const tags = ['health']
const Ok = Type.Object({ status: Type.Literal('ok') }, { examples: [{ status: 'ok' }] })

export interface HealthOptions {
  store: Store
  /** Requests are still answered, but no new ones should come. */
  isDraining: () => boolean
}

export const healthRoutes: FastifyPluginCallbackTypebox<HealthOptions> = (
  app,
  { store, isDraining },
  done,
) => {
  app.get(
    '/livez',
    { schema: { operationId: 'isAlive', summary: 'The process runs', tags, response: { 200: Ok } } },
    (_request, reply) => {
      reply.send({ status: 'ok' })
    },
  )

  app.get(
    '/readyz',
    {
      schema: {
        operationId: 'isReady',
        summary: 'The service takes requests: the database takes writes and nothing is shutting down',
        tags,
        response: { 200: Ok, ...problemAnswers(503) },
      },
    },
    async () => {
      if (isDraining()) throw new ServiceError('not_ready', 'the service is shutting down')
      await store.ping()
      return { status: 'ok' as const }
    },
  )
  done()
}
