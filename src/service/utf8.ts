import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import { ServiceError } from './errors.ts'

const charsetParameter = /;\s*charset\s*=\s*"?([^\s;"]*)/i

/**
 * Refuses a body whose headers say that its bytes are not plain UTF-8. Without this check the bytes would still be
 * decoded as UTF-8, and wrong characters would be stored.
 * @throws {ServiceError} media_type_unsupported
 */
export function requireUtf8(headers: IncomingHttpHeaders): void {
  const charset = charsetParameter.exec(headers['content-type'] ?? '')?.[1]
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw new ServiceError('media_type_unsupported', 'send UTF-8, the only charset that is supported')
  }
  const encoding = headers['content-encoding']
  if (encoding !== undefined && !/^\s*(identity)?\s*$/i.test(encoding)) {
    throw new ServiceError('media_type_unsupported', 'send the body without content-encoding')
  }
}

/** @returns null if the bytes are not UTF-8. `toString` alone would replace wrong bytes by U+FFFD. */
export function decodeUtf8(bytes: Buffer): string | null {
  return isUtf8(bytes) ? bytes.toString() : null
}
