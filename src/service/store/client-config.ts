import pg from 'pg'
import { parse } from 'pg-connection-string'
import type { Config, TlsParameters } from '../config.ts'
import { StartError } from '../errors.ts'

/**
 * How every connection of the service is opened.
 *
 * `pg` takes `options` from one source only: those of the URL replace the caller's, and the caller's replace
 * PGOPTIONS. Here all three are joined. PostgreSQL lets the last value of a setting win, so the service's own
 * settings come first and the user's last. `prepare-database.ts` reads back what came of it and stops the start
 * where SYNCHRONOUS_COMMIT is not what holds. Whatever else the URL says wins over PG* variables, as in `pg`.
 *
 * `sslmode` means what it means to PostgreSQL's own clients. `pg` alone checks the certificate in every mode and reads
 * no certificate files from PG* variables.
 * @throws {StartError} if DATABASE_URL or a certificate file cannot be read.
 */
export function clientConfig(config: Config): pg.ClientConfig {
  const { options, ssl, ...parsed } = readUrl(withTls(config.databaseUrl ?? 'postgres://', config.tls))
  const fromUrl = config.databaseUrl === undefined ? {} : parsed
  return {
    // A lower priority than application_name in the URL and PGAPPNAME.
    fallback_application_name: 'insertlab',
    ...fromUrl,
    ...(ssl !== undefined && { ssl }),
    options: [
      `-c synchronous_commit=${config.synchronousCommit}`,
      // PostgreSQL ends a statement before the service gives up on it, so that PostgreSQL's answer decides what
      // was stored, and not a guess.
      `-c statement_timeout=${config.requestDeadlineMs}`,
      config.pgOptions,
      options,
    ]
      .filter(Boolean)
      .join(' '),
    types: { getTypeParser },
  }
}

/** ids are JSON numbers: the identity would have to run for centuries to leave their range. */
function getTypeParser(oid: number, format?: 'text' | 'binary') {
  return oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format as 'text')
}

export function sslModeOf({ databaseUrl = '', tls }: Pick<Config, 'databaseUrl' | 'tls'>): string | null {
  return queryOf(databaseUrl, tls).get('sslmode')
}

const sslModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full']

function withTls(url: string, tls: TlsParameters): string {
  return `${url.split('?', 1)[0]}?${queryOf(url, tls)}`
}

function queryOf(url: string, tls: TlsParameters): URLSearchParams {
  const query = new URLSearchParams(url.split('?').slice(1).join('?'))
  for (const [name, value] of Object.entries(tls)) {
    if (value !== undefined && !query.has(name)) query.set(name, value)
  }
  // `readUrl` asks for the same.
  query.delete('uselibpqcompat')
  const mode = query.get('sslmode')
  if (mode !== null && !sslModes.includes(mode)) {
    throw new StartError(
      `sslmode cannot be ${JSON.stringify(mode)}. Set sslmode in DATABASE_URL, or PGSSLMODE, to one of ${sslModes.join(', ')}.`,
    )
  }
  if (mode === 'verify-ca' && !query.has('sslrootcert')) {
    throw new StartError(
      'sslmode=verify-ca needs the certificate of the CA. Set sslrootcert in DATABASE_URL, or PGSSLROOTCERT, to its file.',
    )
  }
  return query
}

/** The values as `pg` itself would read them. */
function readUrl(url: string): pg.ClientConfig {
  if (url.includes('#')) throw unreadable('it holds a #')
  try {
    return parse(url, { useLibpqCompat: true }) as object
  } catch (error) {
    const { code, path, message } = error as NodeJS.ErrnoException
    if (path === undefined) throw unreadable(message)
    throw new StartError(
      `the certificate file ${path} cannot be read (${code}). Set sslrootcert, sslcert and sslkey in DATABASE_URL, or PGSSLROOTCERT, PGSSLCERT and PGSSLKEY, to files that exist.`,
    )
  }
}

function unreadable(why: string): StartError {
  return new StartError(
    `DATABASE_URL cannot be read: ${why}. Write the characters # / ? @ : % of a user or password as %23 %2F %3F %40 %3A %25.`,
  )
}
