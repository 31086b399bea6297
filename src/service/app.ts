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
import { OpenResponses } from './open-responses.ts'
import { documentRoutes } from './openapi.ts'
import { createProblemHandler, fromHttpParser, lateRequest } from './problem.ts'
import { limitRate } from './rate-limit.ts'
import { guardRequests, refuseInTurn } from './request-guard.ts'
import { bulkRoutes } from './routes/bulk.ts'
import { healthRoutes } from './routes/health.ts'
import { pingRoutes } from './routes/ping.ts'
import { cursorFormat, taskRoutes } from './routes/tasks.ts'
import { testInsertRoutes } from './routes/test-insert.ts'
import { textRoutes } from './routes/texts.ts'
import type { Store } from './store/store.ts'
import { guardUrl, longestPath, wasRefused } from './url-guard.ts'

declare module 'fastify' {
  interface FastifyInstance {
    openResponses: OpenResponses
  }
}

const bodyLimitBytes = 1024 * 1024

export interface AppOptions {
  config: Config
  store: Store
  telemetry: Telemetry
  log: Logger
  isDraining?: () => boolean
}

/**
 * Builds the HTTP application. It reads no environment variables, opens no port and does not close the store.
 *
 * Fastify's own logger is off, because it makes a child logger for each request. The access log describes requests,
 * and the error handler logs what failed.
 */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { config, store, telemetry, log, isDraining = () => false } = options
  const handleError = createProblemHandler(log)
  const endlessBodies = new WeakSet<Socket>()
  // Node throws an error if it is longer than requestTimeout.
  const headersTimeout = Math.min(config.HEADERS_TIMEOUT_MS, config.REQUEST_TIMEOUT_MS)
  const app = fastify({
    http: {
      requireHostHeader: false,
      headersTimeout,
      requestTimeout: config.REQUEST_TIMEOUT_MS,
      // How often Node looks for late requests.
      connectionsCheckingInterval: Math.ceil(headersTimeout / 4),
    },
    // Without this line Fastify would set its own default, which is no limit.
    requestTimeout: config.REQUEST_TIMEOUT_MS,
    keepAliveTimeout: config.KEEP_ALIVE_TIMEOUT_MS,
    bodyLimit: bodyLimitBytes,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: longestPath },
    rewriteUrl: guardUrl,
    frameworkErrors: handleError,
    // A request that has arrived is answered, even while the service closes.
    return503OnClosing: false,
    clientErrorHandler: (error, socket) => {
      if (error.code === lateRequest && endlessBodies.has(socket)) return
      refuseInTurn(socket, fromHttpParser(error), open)
    },
  }).withTypeProvider<TypeBoxTypeProvider>()
  const open = new OpenResponses(app.server)
  app.decorate('openResponses', open)

  takeJsonBodies(app)
  app.setErrorHandler(handleError)
  app.setNotFoundHandler((request, reply) => {
    const error = wasRefused(request)
      ? new ServiceError(
          'url_malformed',
          `the path is longer than ${longestPath} characters or cannot be decoded`,
        )
      : new ServiceError('not_found', `no route for ${request.method} ${request.url}`)
    handleError(error, request, reply)
  })
  // A query or a path has only strings, so they are converted to numbers. In a JSON body a "1" is an error.
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

  await limitRate(app, config.RATE_LIMIT_PER_S)
  guardRequests(app, { open, endlessBodies })
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
