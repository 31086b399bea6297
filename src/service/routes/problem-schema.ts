import { Type } from 'typebox'
import { problems } from '../errors.ts'

const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'Stable; for programs.' }),
    detail: Type.String(),
  },
  { description: 'RFC 9457 problem details' },
)

/** The error answers of a route, for its documentation; `problem.ts` writes them itself. */
export function problemAnswers<Status extends number>(...statuses: readonly Status[]) {
  return Object.fromEntries(
    statuses.map(status => [
      status,
      {
        description: Object.entries(problems)
          .filter(([, problem]) => problem.status === status)
          .map(([code, { title }]) => `\`${code}\`: ${title}.`)
          .join(' '),
        content: { 'application/problem+json': { schema: Problem } },
      },
    ]),
  )
}
