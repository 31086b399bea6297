import type { FastifyInstance } from 'fastify'
import { ServiceError } from './errors.ts'
import { decodeUtf8, requireUtf8 } from './utf8.ts'

/** Routes accept only JSON, unless one adds a parser. Fastify's own JSON parser would accept invalid UTF-8. */
export function takeJsonBodies(app: FastifyInstance): void {
  app.removeContentTypeParser('text/plain')
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      requireUtf8(request.headers)
      const text = decodeUtf8(body)
      if (text === null) throw new ServiceError('body_malformed', 'the body is not UTF-8')
      parseJson(request, text, done)
    } catch (error) {
      done(error as Error)
    }
  })
}
