import { performance } from 'node:perf_hooks'
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { insertStrategyNames } from '../store/inserts/insert-strategy.ts'
import type { Texts } from '../store/texts.ts'
import { problemAnswers } from './problem-schema.ts'

const text = 'a row of the insert test'

const schema = {
  operationId: 'testInsert',
  summary: 'Inserts rows and tells what that cost',
  description:
    '`duration` is wall time. `cpu_duration` is this request’s own CPU up to the answer, from the ledger; the histogram at the admin port has the final figure. `cpu_duration_naive` is what `process.cpuUsage()` at start and end would have said: wrong as soon as requests overlap. All in seconds.',
  tags: ['lab'],
  querystring: Type.Object({
    rows: Type.Integer({ minimum: 1, maximum: 1000, default: 1, examples: [3] }),
    strategy: Type.Optional(
      Type.Enum([...insertStrategyNames], {
        description: 'How the rows are inserted. The default is `INSERT_STRATEGY`.',
        examples: ['prepared'],
      }),
    ),
    naive: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1,
        description: '1 asks for `cpu_duration_naive`.',
        examples: [1],
      }),
    ),
  }),
  response: {
    200: Type.Object(
      {
        id: Type.Integer(),
        duration: Type.Number(),
        cpu_duration: Type.Union([Type.Number(), Type.Null()]),
        ids: Type.Optional(Type.Array(Type.Integer())),
        cpu_duration_naive: Type.Optional(Type.Number()),
      },
      { examples: [{ id: 1, duration: 0.0021, cpu_duration: 0.00008 }] },
    ),
    ...problemAnswers(400, 429, 503),
  },
}

/** `GET /test-insert`: the endpoint of the first report, with the figures that the report asked for. */
export const testInsertRoutes: FastifyPluginCallbackTypebox<{ texts: Texts }> = (app, { texts }, done) => {
  app.get('/test-insert', { schema }, async (request, reply) => {
    const startMs = performance.now()
    const { rows, strategy, naive } = request.query
    const processCpuAtStart = naive === 1 ? process.cpuUsage() : undefined
    const ids = await texts.insert(new Array<string>(rows).fill(text), {
      strategy,
      isCancelled: () => reply.raw.destroyed,
    })
    const cpuS = request.cpuS()
    return {
      id: ids[0] as number,
      duration: rounded((performance.now() - startMs) / 1000),
      cpu_duration: cpuS === null ? null : rounded(cpuS),
      ...(rows > 1 && { ids: [...ids] }),
      ...(processCpuAtStart && { cpu_duration_naive: cpuSince(processCpuAtStart) }),
    }
  })
  done()
}

/** Rounds seconds to a tenth of a microsecond. The clocks are no finer, and each further digit takes time to print. */
function rounded(s: number): number {
  return Math.round(s * 1e7) / 1e7
}

function cpuSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1e6
}
