import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Texts } from '../store/texts.ts'
import { problemAnswers } from './problem-schema.ts'
import { assertStorable } from './text-guard.ts'

const schema = {
  operationId: 'createText',
  summary: 'Stores a text',
  description: 'Answered after the row is durable.',
  tags: ['texts'],
  body: Type.Object(
    { text: Type.String({ description: 'Any text without NUL characters.', examples: ['a text'] }) },
    { additionalProperties: false },
  ),
  response: {
    201: Type.Object({ id: Type.Integer() }, { examples: [{ id: 1 }] }),
    ...problemAnswers(400, 413, 415, 429, 503),
  },
}

export const textRoutes: FastifyPluginCallbackTypebox<{ texts: Texts }> = (app, { texts }, done) => {
  app.post('/texts', { schema }, async (request, reply) => {
    const { text } = request.body
    assertStorable(text, 'text')
    const [id] = await texts.insert([text], { isCancelled: () => reply.raw.destroyed })
    return reply.code(201).send({ id: id as number })
  })
  done()
}
