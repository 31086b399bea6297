import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Ajv } from 'ajv'
import fastify, { type FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { instrument } from '../telemetry/plugin.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { ServiceError } from './errors.ts'
import { guardMethods } from './method-guard.ts'
import { createProblemHandler, fromHttpParser, rawProblem } from './problem.ts'
import { bulkRoutes } from './routes/bulk.ts'
import { healthRoutes } from './routes/health.ts'
import { pingRoutes } from './routes/ping.ts'
import { taskRoutes } from './routes/tasks.ts'
import { testInsertRoutes } from './routes/test-insert.ts'
import { textRoutes } from './routes/texts.ts'
import type { Store } from './store/store.ts'

const bodyLimitBytes = 1024 * 1024

export interface AppOptions {
  store: Store
  telemetry: Telemetry
  log: Logger
  isDraining?: () => boolean
}

/**
 * The service without its surroundings: no environment, no port. It does not own the store.
 *
 * Fastify's own logger stays off, because it makes a child for each request: what a request is worth
 * saying is in the access log, and what failed is logged by the error handler.
 */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { store, telemetry, log, isDraining = () => false } = options
  const handleError = createProblemHandler(log)
  const app = fastify({
    bodyLimit: bodyLimitBytes,
    routerOptions: { ignoreTrailingSlash: true },
    frameworkErrors: handleError,
    // A request that has come is answered, also while the service closes.
    return503OnClosing: false,
    clientErrorHandler: (error, socket) => {
      if (socket.writable) socket.end(rawProblem(fromHttpParser(error)))
    },
  }).withTypeProvider<TypeBoxTypeProvider>()

  // JSON is what routes take, unless one says otherwise.
  app.removeContentTypeParser('text/plain')
  app.setErrorHandler(handleError)
  app.setNotFoundHandler((request, reply) => {
    handleError(
      new ServiceError('not_found', `no route for ${request.method} ${request.url}`),
      request,
      reply,
    )
  })
  // A query or a path has only strings, so numbers are read from them; in a JSON body a "1" is a mistake.
  const forStrings = new Ajv({ coerceTypes: true, useDefaults: true, strict: false })
  const forBodies = new Ajv({ useDefaults: true, strict: false })
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'body' ? forBodies : forStrings).compile(schema as object),
  )

  instrument(app, telemetry)

  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'insertlab',
        description: 'An insert service that accounts for the CPU of every request.',
        version: '0.1.0',
      },
    },
  })
  await app.register(swaggerUi, { routePrefix: '/docs' })

  const refuseOtherMethods = guardMethods(app)
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())

  await app.register(pingRoutes)
  await app.register(testInsertRoutes, { texts: store.texts })
  await app.register(textRoutes, { texts: store.texts })
  await app.register(bulkRoutes, { texts: store.texts })
  await app.register(taskRoutes, { tasks: store.tasks })
  await app.register(healthRoutes, { store, isDraining })
  refuseOtherMethods()
  return app
}
