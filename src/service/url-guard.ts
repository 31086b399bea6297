import { pathOf } from '../telemetry/request.ts'

/** No path of this service needs as many characters. */
export const longestPath = 1000

/** There is no route for it. */
const refusedPath = '/refused'

/**
 * Fastify answers a path that it cannot decode, or that has a too long parameter, without calling a hook. Then the rate
 * limit, the metrics and the access log would not know of the request. So the router gets another path for it, and the
 * handler for unknown paths tells by `wasRefused` what to answer.
 */
export function guardUrl({ url = '/' }: { url?: string | undefined }): string {
  const path = pathOf(url)
  return path.length <= longestPath && canBeDecoded(path) ? url : refusedPath
}

export function wasRefused({ url, originalUrl }: { url: string; originalUrl: string }): boolean {
  return url !== originalUrl
}

function canBeDecoded(path: string): boolean {
  if (!path.includes('%')) return true
  try {
    decodeURI(path)
    return true
  } catch {
    return false
  }
}
