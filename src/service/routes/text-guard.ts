import { ServiceError } from '../errors.ts'

/**
 * PostgreSQL's UTF-8 has no NUL and no lone surrogates: the one it refuses, the other the client would
 * replace without a word.
 * @throws {ServiceError} text_not_storable
 */
export function assertStorable(text: string, what: string): void {
  if (text.includes('\0')) throw new ServiceError('text_not_storable', `${what} holds a NUL character`)
  if (!text.isWellFormed()) throw new ServiceError('text_not_storable', `${what} holds a lone surrogate`)
}
