import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Type } from 'typebox'
import type { TLocalizedValidationError } from 'typebox/error'
import { Value } from 'typebox/value'
import { LabError, messageOf } from '../errors.ts'
import { methods, type RequestTemplate } from '../load/templates.ts'

const Requests = Type.Array(
  Type.Object(
    {
      method: Type.Optional(Type.Enum([...methods])),
      path: Type.String({ pattern: '^/' }),
      headers: Type.Optional(Type.Record(Type.String(), Type.String())),
      body: Type.Optional(Type.String()),
      weight: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    },
    { additionalProperties: false },
  ),
  { minItems: 1, maxItems: 100 },
)

/**
 * Loads a scenario: a module whose default export is a list of requests (`RequestTemplate`). Throws LAB_USAGE
 * with what is wrong with it.
 */
export async function readScenario(file: string): Promise<readonly RequestTemplate[]> {
  const requests = await defaultExport(file)
  if (Value.Check(Requests, requests)) return requests
  const [first] = Value.Errors(Requests, requests)
  throw unusable(file, first === undefined ? noList : inWords(first))
}

const noList = 'its default export is no list of requests'

/** The first thing that is wrong, by the number of the request and the field: `request 2: body must be a string`. */
function inWords({
  instancePath,
  keyword,
  message,
}: Pick<TLocalizedValidationError, 'instancePath' | 'keyword' | 'message'>): string {
  const [, index, ...fields] = instancePath.split('/')
  const wrong = message
    .replace(/^must be (?=(object|array|integer)$)/, 'must be an ')
    .replace(/^must be (?=string$)/, 'must be a ')
  if (index === undefined) return `${noList}: it ${wrong}`
  const about = [`request ${Number(index) + 1}:`, fields.join('.')].filter(Boolean).join(' ')
  // What `additionalProperties: false` reports: no value of this field is right.
  if (keyword === 'boolean') return `${about} is no field of a request`
  return keyword === 'pattern' ? `${about} must begin with /` : `${about} ${wrong}`
}

async function defaultExport(file: string): Promise<unknown> {
  try {
    const module: { default?: unknown } = await import(pathToFileURL(resolve(file)).href)
    return module.default
  } catch (cause) {
    throw unusable(file, messageOf(cause), cause)
  }
}

function unusable(file: string, why: string, cause?: unknown): LabError {
  return new LabError(
    'LAB_USAGE',
    `the scenario ${file} cannot be used: ${why}`,
    "Write: export default [{ path: '/things/{random:1-500}', weight: 3 }, { method: 'POST', path: '/things', body: '{\"n\":{n}}' }]",
    { cause },
  )
}
