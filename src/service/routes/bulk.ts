import { Readable } from 'node:stream'
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { ServiceError } from '../errors.ts'
import type { Texts } from '../store/texts.ts'
import { requireUtf8 } from '../utf8.ts'
import { problemAnswers } from './problem-schema.ts'

const schema = {
  operationId: 'createTexts',
  summary: 'Stores a stream of texts',
  description:
    'NDJSON of any length, one `{"text": …}` per line. Either all lines are stored or none. A bad line is refused with its number.',
  tags: ['texts'],
  body: {
    content: {
      'application/x-ndjson': {
        schema: Type.Array(Type.Object({ text: Type.String() }), {
          description: 'One item per line.',
          examples: [[{ text: 'the first text' }, { text: 'the second text' }]],
        }),
      },
    },
  },
  response: {
    201: Type.Object({ count: Type.Integer() }, { examples: [{ count: 2 }] }),
    ...problemAnswers(400, 408, 415, 429, 503),
  },
}

export const bulkRoutes: FastifyPluginCallbackTypebox<{ texts: Texts }> = (app, { texts }, done) => {
  app.removeAllContentTypeParsers()
  // The stream itself is the body: it is never held in memory, so no limit is needed.
  app.addContentTypeParser(['application/x-ndjson', 'application/ndjson'], (_request, payload, parsed) => {
    parsed(null, payload)
  })
  const options = {
    schema,
    // The body is a stream. Each line is checked when it arrives.
    validatorCompiler: () => () => true,
    bodyLimit: Number.MAX_SAFE_INTEGER,
    config: { hasEndlessBody: true },
  }
  app.post('/texts/bulk', options, async (request, reply) => {
    // Without a media type, no parser has run and there is no body.
    if (!(request.body instanceof Readable)) {
      throw new ServiceError('media_type_unsupported', 'send application/x-ndjson')
    }
    requireUtf8(request.headers)
    const count = await texts.copyLines(request.body, { isCancelled: () => reply.raw.destroyed })
    return reply.code(201).send({ count })
  })
  done()
}
