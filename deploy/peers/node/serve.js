/**
 * The routes of every Fastify application in this folder, so that only the data layer differs. As Fastify's guide
 * recommends: the query validated and the answer serialised by schema. https://fastify.dev/docs/latest/Guides/Getting-Started/
 */
import fastify from 'fastify'

const { HOST = '127.0.0.1', PORT = '8000', POOL_SIZE = '20' } = process.env

export const poolSize = Number(POOL_SIZE)
const text = 'a row of the insert test'

const querystring = {
  type: 'object',
  properties: {
    rows: { type: 'integer', minimum: 1, maximum: 1000, default: 1 },
    bulk: { type: 'boolean', default: false },
  },
}
const answer = {
  type: 'object',
  properties: { id: { type: 'integer' }, duration: { type: 'number' }, cpu_duration: { type: 'null' } },
}

/**
 * Serves until SIGTERM.
 *
 * @param layer three ways to insert, each resolves to the first id once the rows are durable: `one` row,
 * `each` row by a statement of its own in one transaction, and all by the layer's `bulk` statement
 */
export async function serve({ one, each, bulk, close }) {
  const app = fastify()
  app.get('/ping/', () => ({ ping: 'pong' }))
  app.get('/test-insert', { schema: { querystring, response: { 200: answer } } }, async ({ query }) => {
    const start = performance.now()
    const texts = new Array(query.rows).fill(text)
    const id = await (query.bulk ? bulk(texts) : query.rows === 1 ? one(text) : each(texts))
    return { id: Number(id), duration: (performance.now() - start) / 1000, cpu_duration: null }
  })
  process.once('SIGTERM', async () => {
    await app.close()
    await close()
  })
  await app.listen({ host: HOST, port: Number(PORT) })
}
