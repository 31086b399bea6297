import type { Socket } from 'node:net'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Ajv } from 'ajv'
import fastify, { type FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { instrument } from '../telemetry/plugin.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import type { Config } from './config.ts'
import { ServiceError } from './errors.ts'
import { takeJsonBodies } from './json-body.ts'
import { guardMethods } from './method-guard.ts'
import { documentRoutes } from './openapi.ts'
import { createProblemHandler, fromHttpParser, lateRequest, refuse } from './problem.ts'
import { limitRate } from './rate-limit.ts'
import { guardRequests } from './request-guard.ts'
import { bulkRoutes } from './routes/bulk.ts'
import { healthRoutes } from './routes/health.ts'
import { pingRoutes } from './routes/ping.ts'
import { cursorFormat, taskRoutes } from './routes/tasks.ts'
import { testInsertRoutes } from './routes/test-insert.ts'
import { textRoutes } from './routes/texts.ts'
import type { Store } from './store/store.ts'

const bodyLimitBytes = 1024 * 1024

export type HttpTimeouts = Pick<Config, 'headersTimeoutMs' | 'requestTimeoutMs' | 'keepAliveTimeoutMs'>

export interface AppOptions {
  timeouts: HttpTimeouts
  store: Store
  telemetry: Telemetry
  log: Logger
  isDraining?: () => boolean
  /** 0, the default: no limit. */
  rateLimitPerS?: number
}

/**
 * The service without its surroundings: it reads no environment, opens no port and does not own the store.
 *
 * Fastify's own logger is off, because it makes a child logger for each request. The access log describes requests,
 * and the error handler logs what failed.
 */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { store, telemetry, log, timeouts, isDraining = () => false, rateLimitPerS = 0 } = options
  const handleError = createProblemHandler(log)
  const endlessBodies = new WeakSet<Socket>()
  // Node wants it to be the shorter one.
  const headersTimeout = Math.min(timeouts.headersTimeoutMs, timeouts.requestTimeoutMs)
  const app = fastify({
    http: {
      requireHostHeader: false,
      headersTimeout,
      requestTimeout: timeouts.requestTimeoutMs,
      // Late requests are looked for so often.
      connectionsCheckingInterval: Math.ceil(headersTimeout / 4),
    },
    // Fastify sets its own default otherwise, which is no limit.
    requestTimeout: timeouts.requestTimeoutMs,
    keepAliveTimeout: timeouts.keepAliveTimeoutMs,
    bodyLimit: bodyLimitBytes,
    routerOptions: { ignoreTrailingSlash: true },
    frameworkErrors: handleError,
    // A request that has come is answered, also while the service closes.
    return503OnClosing: false,
    clientErrorHandler: (error, socket) => {
      if (error.code !== lateRequest || !endlessBodies.has(socket)) refuse(socket, fromHttpParser(error))
    },
  }).withTypeProvider<TypeBoxTypeProvider>()

  takeJsonBodies(app)
  app.setErrorHandler(handleError)
  app.setNotFoundHandler((request, reply) => {
    handleError(
      new ServiceError('not_found', `no route for ${request.method} ${request.url}`),
      request,
      reply,
    )
  })
  // A query or a path has only strings, so numbers are read from them; in a JSON body a "1" is a mistake.
  const forStrings = new Ajv({
    coerceTypes: true,
    useDefaults: true,
    strict: false,
    formats: { [cursorFormat]: true },
  })
  const forBodies = new Ajv({ useDefaults: true, strict: false })
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'body' ? forBodies : forStrings).compile(schema as object),
  )

  instrument(app, telemetry)

  await limitRate(app, rateLimitPerS)
  guardRequests(app, endlessBodies)
  await documentRoutes(app)

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
