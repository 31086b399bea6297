import { DatabaseError } from 'pg'
import { expect, it } from 'vitest'
import { isConnectionLost, toServiceError } from '../../../src/service/store/database-errors.ts'

/** As PostgreSQL reports a full disk: an error where it goes on, a panic where it crashes. */
function diskFull(severity: string): DatabaseError {
  return Object.assign(new DatabaseError('No space left on device', 0, 'error'), { code: '53100', severity })
}

it('promises that nothing was stored, and keeps the connection, where PostgreSQL goes on', () => {
  const error = toServiceError(diskFull('ERROR'), { mayBeDurable: true })
  expect([error.code, isConnectionLost(error)]).toEqual(['database_unavailable', false])
})

it.each(['PANIC', 'FATAL', 'PANIK'])('promises nothing where PostgreSQL crashes: %s', severity => {
  const error = toServiceError(diskFull(severity), { mayBeDurable: true })
  expect([error.code, isConnectionLost(error)]).toEqual(['outcome_unknown', true])
})

it.each(['PANIC', 'FATAL'])('gives up the connection of a statement that stores nothing: %s', severity => {
  const error = toServiceError(diskFull(severity), { mayBeDurable: false })
  expect([error.code, isConnectionLost(error)]).toEqual(['database_unavailable', true])
})
