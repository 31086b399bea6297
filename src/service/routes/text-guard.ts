import { ServiceError } from '../errors.ts'

/**
 * PostgreSQL's UTF-8 has no NUL and no lone surrogates. PostgreSQL refuses a NUL; `pg` would silently replace a lone
 * surrogate by another character.
 * @throws {ServiceError} text_not_storable
 */
export function assertStorable(text: string, what: string): void {
  if (text.includes('\0')) throw new ServiceError('text_not_storable', `${what} holds a NUL character`)
  if (!text.isWellFormed()) throw new ServiceError('text_not_storable', `${what} holds a lone surrogate`)
}
