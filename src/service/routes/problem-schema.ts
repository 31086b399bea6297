import { Type } from 'typebox'
import { type ProblemCode, problems } from '../errors.ts'

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

const retryAfter = { 'Retry-After': Type.Integer({ minimum: 1, description: 'Seconds.' }) }

/** The error answers of a route, for the OpenAPI document only. `problem.ts` does not use this schema. */
export function problemAnswers<Status extends number>(...statuses: readonly Status[]) {
  return Object.fromEntries(statuses.map(status => [status, problemAnswer(status)]))
}

function problemAnswer(status: number) {
  const codes = (Object.keys(problems) as ProblemCode[]).filter(code => problems[code].status === status)
  const examples = codes.slice(0, 1).map(code => ({
    type: `urn:insertlab:problem:${code}`,
    title: problems[code].title,
    status,
    code,
    detail: 'what was wrong with this request',
  }))
  return {
    description: codes.map(code => `\`${code}\`: ${problems[code].title}.`).join(' '),
    content: { 'application/problem+json': { schema: { ...Problem, examples } } },
    ...((status === 429 || status === 503) && { headers: retryAfter }),
  }
}
