import type { FastifyInstance } from 'fastify'
import { ServiceError } from './errors.ts'

/**
 * Answers 405 with `Allow`, instead of 404, if a resource does not support the method. Fastify's router finds a path
 * only together with a method, so each method that is not supported gets its own route.
 *
 * @returns a function to call when all routes are registered. It covers the routes registered after this call.
 */
export function guardMethods(app: FastifyInstance): () => void {
  const taken = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ url, method }) => {
    const path = url.replace(/(.)\/$/, '$1')
    taken.set(path, new Set(taken.get(path)).add(String(method)))
  })
  return () => {
    for (const [url, methods] of [...taken]) {
      const allow = [...methods].join(', ')
      for (const method of app.supportedMethods.filter(each => !methods.has(each))) {
        app.route({
          method,
          url,
          exposeHeadRoute: false,
          schema: { hide: true },
          // Runs before the body is read, because the body does not matter.
          onRequest: (_request, reply, done) => {
            reply.header('allow', allow)
            done(new ServiceError('method_not_allowed', `${url} takes ${allow}`))
          },
          handler: () => {},
        })
      }
    }
  }
}
