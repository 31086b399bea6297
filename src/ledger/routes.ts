import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'

/**
 * The pattern of the route that answers a request, from frameworks that tell it without a change to them. A URL is
 * never a route: it would make a series of each id, and URLs contain what users typed.
 */

/** @param found called in the request's context. Fastify publishes each handler's start on a diagnostics channel. */
export function watchFastifyRoutes(found: (route: string) => void): void {
  subscribe('tracing:fastify.request.handler:start', message => {
    const { route } = message as { route: { url: string | undefined } }
    if (route.url !== undefined) found(route.url)
  })
}

type Params = Readonly<Record<string, unknown>>

/** More prefixes than this before the same path are values of a parameter. */
const mostPrefixes = 20
/** The prefixes that were seen before a path. */
const prefixesOf = new Map<string, Set<string>>()

/**
 * Express (and what builds on it, NestJS for example) notes the matched route on the request.
 *
 * A router's own prefix is known only as the part of the URL that it matched. What is a parameter in it is known where the
 * router has `mergeParams`. The rest is the pattern where it has only words; a prefix with anything else, or the
 * twenty-first before one path, contains parameters and becomes `*`.
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

/** The prefix with the names of parameters in place of their values. A parameter of the path itself is not in it. */
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
