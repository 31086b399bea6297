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

it.each(['EAI_AGAIN', 'ENOTFOUND', 'EPIPE', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID'])(
  'has no connection at %s of Node',
  code => {
    const error = () => Object.assign(new Error('no connection'), { code })
    const [before, within] = [false, true].map(mayBeDurable => toServiceError(error(), { mayBeDurable }))
    expect(before?.code).toBe('database_unavailable')
    expect(within?.code).toBe('outcome_unknown')
  },
)

it('does not take an error of this program for a lost connection', () => {
  const error = Object.assign(new RangeError('out of range'), { code: 'ERR_OUT_OF_RANGE' })
  expect(toServiceError(error, { mayBeDurable: true }).code).toBe('internal')
})

it.each(['40001', '40P01'])('keeps the connection of transactions that collide: %s', code => {
  const collision = Object.assign(new DatabaseError('', 0, 'error'), { code, severity: 'ERROR' })
  const error = toServiceError(collision, { mayBeDurable: true })
  expect([error.code, isConnectionLost(error)]).toEqual(['database_unavailable', false])
})
