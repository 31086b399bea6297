import { ServiceError } from '../errors.ts'

/** No class begins with E, but some codes of Node are as long: EPIPE. */
const sqlStateFormat = /^(?!E)[0-9A-Z]{5}$/

/** How the statement of a batch fails if a row is missing (`inserts/batched.ts`). */
const divisionByZero = '22012'

/**
 * Turns an error of `pg` into an error with a known answer. SQLSTATE classes are those of PostgreSQL's appendix A.
 * @param mayBeDurable whether the statement commits. If its connection is lost, it is unknown whether it did.
 */
export function toServiceError(error: unknown, { mayBeDurable }: { mayBeDurable: boolean }): ServiceError {
  if (error instanceof ServiceError) return error
  const { sqlState, isShortage, isLost, hasCrashed } = read(error)
  const cause = { cause: error }

  if (sqlState === '53300') {
    return new ServiceError('database_unavailable', 'PostgreSQL refuses more connections (53300)', cause)
  }
  if (sqlState === '25006') {
    return new ServiceError('database_read_only', 'PostgreSQL takes no writes now (25006)', cause)
  }
  if (sqlState === '57014') {
    return new ServiceError('deadline_exceeded', 'the statement ran longer than it may (57014)', cause)
  }
  if (sqlState === divisionByZero) return rowNotKept(error)
  if (sqlState !== undefined && /^(22|23|54)...$/.test(sqlState)) {
    return new ServiceError('text_not_storable', `PostgreSQL refused the row (${sqlState})`, cause)
  }
  if (isLost) {
    return mayBeDurable
      ? new ServiceError('outcome_unknown', 'the connection was lost before PostgreSQL answered', cause)
      : connectionFailed(error)
  }
  // PostgreSQL crashed, for example because the disk of its WAL is full. Its recovery may still find the commit.
  if (mayBeDurable && isShortage && hasCrashed) {
    return new ServiceError('outcome_unknown', `PostgreSQL failed while it stored (${sqlState})`, cause)
  }
  if (sqlState !== undefined && /^(25|40|53|55|58)/.test(sqlState)) {
    return new ServiceError('database_unavailable', `PostgreSQL cannot do this now (${sqlState})`, cause)
  }
  return new ServiceError('internal', 'the database refused a statement of this service', cause)
}

/** A trigger of the database dropped a row, or gave it another id, without an error. */
export function rowNotKept(cause?: unknown): ServiceError {
  return new ServiceError('text_not_storable', 'the database did not keep the row; nothing was stored', {
    cause,
  })
}

export function connectionFailed(cause?: unknown): ServiceError {
  return new ServiceError('database_unavailable', 'the database connection failed', { cause })
}

function read(error: unknown) {
  const { code, severity } = (error ?? {}) as { code?: string; severity?: string }
  return {
    sqlState: code,
    /** There is no connection (any more). Errors of Node have codes of their own, such as EAI_AGAIN. */
    isLost:
      !(error instanceof TypeError || error instanceof RangeError) &&
      (code === undefined || !sqlStateFormat.test(code) || /^(57P|08)/.test(code)),
    /** PostgreSQL is short of something that the statement needs: space, memory, a lock. */
    isShortage: code !== undefined && /^(53|55|58)/.test(code),
    /**
     * More than the statement has failed (FATAL or PANIC). A server with messages in another language may have another
     * word for ERROR. Then this is always true.
     */
    hasCrashed: severity !== 'ERROR',
  }
}

/** Whether the connection cannot be used any more. */
export function isConnectionLost({ code, cause }: ServiceError): boolean {
  if (code === 'database_unavailable') {
    const { sqlState, isShortage, hasCrashed } = read(cause)
    // Otherwise each request would open a new connection while the disk is full or transactions collide (class 40).
    return hasCrashed || !(isShortage || sqlState?.startsWith('40'))
  }
  return code === 'outcome_unknown'
}

/** PostgreSQL refused the data of a row, not the statement: other rows of the batch may be good. */
export function isDataError(error: Error): boolean {
  return error instanceof ServiceError && error.code === 'text_not_storable'
}
