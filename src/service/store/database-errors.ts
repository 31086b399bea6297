import { ServiceError } from '../errors.ts'

/** How the statement of a batch fails if a row is missing (`inserts/batched.ts`). */
const divisionByZero = '22012'

/**
 * Turns what `pg` throws into an answer. SQLSTATE classes are those of PostgreSQL's appendix A.
 * @param mayBeDurable the statement commits: if its connection is lost, nobody knows whether it did.
 */
export function toServiceError(error: unknown, { mayBeDurable }: { mayBeDurable: boolean }): ServiceError {
  if (error instanceof ServiceError) return error
  const { code: sqlState } = (error ?? {}) as { code?: string }
  const cause = { cause: error }

  if (sqlState === '53300') {
    return new ServiceError('database_unavailable', 'PostgreSQL refuses more connections (53300)', cause)
  }
  if (sqlState === '57014') {
    return new ServiceError('deadline_exceeded', 'the statement ran longer than it may (57014)', cause)
  }
  if (sqlState === divisionByZero) return rowNotKept(error)
  if (sqlState !== undefined && /^(22|23|54)...$/.test(sqlState)) {
    return new ServiceError('text_not_storable', `PostgreSQL refused the row (${sqlState})`, cause)
  }
  const isLost = sqlState === undefined || /^(57P|08|E[A-Z]+$)/.test(sqlState)
  if (isLost && !(error instanceof TypeError)) {
    return mayBeDurable
      ? new ServiceError('outcome_unknown', 'the connection was lost before PostgreSQL answered', cause)
      : connectionFailed(error)
  }
  if (sqlState !== undefined && /^(25|40|53|55|58)/.test(sqlState)) {
    return new ServiceError('database_unavailable', `PostgreSQL cannot do this now (${sqlState})`, cause)
  }
  return new ServiceError('internal', 'the database refused a statement of this service', cause)
}

/** A trigger of the database dropped a row, or gave it an id of its own, without an error. */
export function rowNotKept(cause?: unknown): ServiceError {
  return new ServiceError('text_not_storable', 'the database did not keep the row; nothing was stored', {
    cause,
  })
}

export function connectionFailed(cause?: unknown): ServiceError {
  return new ServiceError('database_unavailable', 'the database connection failed', { cause })
}

/** The connection is of no further use. */
export function isConnectionLost(error: ServiceError): boolean {
  return error.code === 'outcome_unknown' || error.code === 'database_unavailable'
}

/** PostgreSQL refused the data of a row, not the statement: other rows of the batch may be good. */
export function isDataError(error: Error): boolean {
  return error instanceof ServiceError && error.code === 'text_not_storable'
}
