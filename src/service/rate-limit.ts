import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import { ServiceError } from './errors.ts'

/** Asked by balancers and orchestrators, at their own pace. */
const unlimited = ['/livez', '/readyz']

/**
 * Refuses what a client address asks beyond `perS` requests in a second; 0: nothing. Each worker counts for itself.
 * Behind a balancer all clients have the balancer's address: limit them there.
 */
export async function limitRate(app: FastifyInstance, perS: number): Promise<void> {
  if (perS === 0) return
  await app.register(rateLimit, {
    // Not by the plugin's hooks of routes, which leave out what no route takes.
    global: false,
    max: perS,
    timeWindow: 1_000,
    allowList: ({ routeOptions }) => unlimited.includes(routeOptions.url ?? ''),
    errorResponseBuilder: () =>
      new ServiceError('rate_limited', `send at most ${perS} requests in a second`, { retryAfterS: 1 }),
  })
  app.addHook('onRequest', app.rateLimit())
}
