import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import { ServiceError } from './errors.ts'

/** Load balancers and orchestrators call these as often as they need. */
const unlimited = ['/livez', '/readyz']

/**
 * Refuses the requests of a client address beyond `perS` per second. 0: no limit. Each worker counts separately.
 * Behind a load balancer all clients have its address, so the balancer must limit them.
 */
export async function limitRate(app: FastifyInstance, perS: number): Promise<void> {
  if (perS === 0) return
  await app.register(rateLimit, {
    // The plugin's own hooks would leave out requests that match no route.
    global: false,
    max: perS,
    timeWindow: 1_000,
    allowList: ({ routeOptions }) => unlimited.includes(routeOptions.url ?? ''),
    errorResponseBuilder: () =>
      new ServiceError('rate_limited', `send at most ${perS} requests in a second`, { retryAfterS: 1 }),
  })
  app.addHook('onRequest', app.rateLimit())
}
