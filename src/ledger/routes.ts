import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'

/**
 * The pattern of the route that answers a request, from frameworks that report it without a change to them. A URL is
 * never used as a route, because each id would make a new series, and URLs contain data of users.
 */

/** @param found called in the request's context. Fastify publishes each handler's start on a diagnostics channel. */
export function watchFastifyRoutes(found: (route: string) => void): void {
  subscribe('tracing:fastify.request.handler:start', message => {
    const { route } = message as { route: { url: string | undefined } }
    if (route.url !== undefined) found(route.url)
  })
}

type Params = Readonly<Record<string, unknown>>

/** If there are more prefixes than this before the same path, they contain values of a parameter. */
const mostPrefixes = 20
/** The prefixes that were seen before a path. */
const prefixesOf = new Map<string, Set<string>>()

/**
 * Express, and frameworks that build on it (NestJS for example), store the matched route on the request.
 *
 * Of a router's own prefix, Express has only the part of the URL that matched. If the router has `mergeParams`, the
 * names of the parameters replace their values. After that, a prefix of plain words counts as the pattern. A prefix
 * with anything else, or the twenty-first before one path, counts as one with parameters and becomes `*`.
 */
export function expressRoute(request: IncomingMessage): string | undefined {
  const { route, baseUrl = '', params = {} } = request as ExpressRequest
  const path = route?.path
  if (typeof path !== 'string' && !(path instanceof RegExp)) return undefined
  return prefixOf(patternOf(baseUrl, String(path), params), String(path)) + String(path)
}

interface ExpressRequest {
  route?: { path?: unknown }
  baseUrl?: string
  params?: Params
}

/** The prefix with the names of parameters instead of their values. Parameters of the path itself do not count. */
function patternOf(baseUrl: string, path: string, params: Params): string {
  const outer = Object.entries(params).filter(([name]) => !path.includes(`:${name}`))
  if (outer.length === 0) return baseUrl
  return baseUrl
    .split('/')
    .map(part => {
      const parameter = outer.find(([, value]) => value === decoded(part))
      return parameter === undefined ? part : `:${parameter[0]}`
    })
    .join('/')
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

function prefixOf(prefix: string, path: string): string {
  if (prefix === '') return ''
  let prefixes = prefixesOf.get(path)
  if (prefixes === undefined) {
    prefixes = new Set()
    prefixesOf.set(path, prefixes)
  }
  if (prefixes.has(prefix)) return prefix
  if (prefixes.size >= mostPrefixes || !/^(\/(:\w+|[a-z][a-z_-]{0,30}|v\d{1,2}))+$/.test(prefix)) return '/*'
  prefixes.add(prefix)
  return prefix
}
