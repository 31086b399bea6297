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

/** More prefixes than this before the same path are values of a parameter. */
const mostPrefixes = 20
/** The prefixes that were seen before a path. */
const prefixesOf = new Map<string, Set<string>>()

/**
 * Express (and what builds on it, NestJS for example) notes the matched route on the request.
 *
 * A router's own prefix is known only as the part of the URL that it matched. It is the pattern where it has only
 * words; a prefix with anything else, or the twenty-first before one path, contains parameters and becomes `*`.
 */
export function expressRoute(request: IncomingMessage): string | undefined {
  const { route, baseUrl = '' } = request as { route?: { path?: unknown }; baseUrl?: string }
  const path = route?.path
  if (typeof path !== 'string' && !(path instanceof RegExp)) return undefined
  return prefixOf(baseUrl, String(path)) + String(path)
}

function prefixOf(baseUrl: string, path: string): string {
  if (baseUrl === '') return ''
  let prefixes = prefixesOf.get(path)
  if (prefixes === undefined) {
    prefixes = new Set()
    prefixesOf.set(path, prefixes)
  }
  if (prefixes.has(baseUrl)) return baseUrl
  if (prefixes.size >= mostPrefixes || !/^(\/([a-z][a-z_-]{0,30}|v\d{1,2}))+$/.test(baseUrl)) return '/*'
  prefixes.add(baseUrl)
  return baseUrl
}
