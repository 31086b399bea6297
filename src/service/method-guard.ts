import type { FastifyInstance } from 'fastify'
import { ServiceError } from './errors.ts'

/**
 * Answers a method that a resource does not take with 405 and `Allow` instead of 404. Fastify's router knows
 * a path only together with a method, so the methods that are not taken get routes of their own.
 *
 * @returns to be called when all routes are registered, of those registered after this call.
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
          // Before a body is read: what it holds does not matter.
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
