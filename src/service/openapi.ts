import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifySchema } from 'fastify'

interface QuerySchema {
  readonly properties: Readonly<Record<string, { readonly default?: unknown }>>
  readonly required?: readonly string[]
}

/** Documents the routes that are registered after it, at `/openapi.json` and `/docs`. */
export async function documentRoutes(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'insertlab',
        description: 'An insert service that accounts for the CPU of every request.',
        version: '0.1.0',
      },
      servers: [{ url: '/', description: 'The service that gave this document.' }],
      tags: [
        { name: 'texts', description: 'Rows of `simple_text`.' },
        { name: 'tasks', description: 'The tasks API.' },
        { name: 'lab', description: 'What a request and an insert cost.' },
        { name: 'health', description: 'For load balancers and orchestrators.' },
      ],
    },
    transform: ({ schema, url }) => ({ schema: withOptionalDefaults(schema), url }),
  })
  await app.register(swaggerUi, { routePrefix: '/docs' })
}

/** A parameter with a default is required in the handler's type, but optional in the document. */
function withOptionalDefaults(schema: FastifySchema): FastifySchema {
  const query = schema?.querystring as QuerySchema | undefined
  if (query?.required === undefined) return schema
  const required = query.required.filter(name => query.properties[name]?.default === undefined)
  return { ...schema, querystring: { ...query, required } }
}
