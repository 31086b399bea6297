import pg from 'pg'
import { parse } from 'pg-connection-string'
import type { Config } from '../config.ts'
import { StartError } from '../errors.ts'

/**
 * The options of every connection that the service opens.
 *
 * `pg` takes `options` from one source only: those of the URL replace the caller's, and the caller's replace
 * PGOPTIONS. Here all three are joined. In PostgreSQL the last value of a setting applies, so the service's own
 * settings come first and the user's last. `prepare-database.ts` reads the result back and stops the start if it is
 * not what SYNCHRONOUS_COMMIT asks for. All other parameters of the URL take precedence over PG* variables.
 *
 * `sslmode` has the same meaning as in PostgreSQL's own clients. Without this function, `pg` would check the
 * certificate in every mode and read no certificate files from PG* variables.
 * @throws {StartError} if DATABASE_URL or a certificate file cannot be read.
 */
export function clientConfig(config: Config): pg.ClientConfig {
  const { options, ssl, ...parsed } = readUrl(withTls(config))
  const fromUrl = config.DATABASE_URL === undefined ? {} : parsed
  return {
    // A lower priority than application_name in the URL and PGAPPNAME.
    fallback_application_name: 'insertlab',
    ...fromUrl,
    ...(ssl !== undefined && { ssl }),
    options: [
      `-c synchronous_commit=${config.SYNCHRONOUS_COMMIT}`,
      // PostgreSQL ends a statement before the service stops waiting for it, so the service knows from PostgreSQL's
      // answer what was stored.
      `-c statement_timeout=${config.REQUEST_DEADLINE_MS}`,
      config.PGOPTIONS,
      options,
    ]
      .filter(Boolean)
      .join(' '),
    types: { getTypeParser },
  }
}

/** Ids are JSON numbers. The identity would need centuries to leave the range of exact integers. */
function getTypeParser(oid: number, format?: 'text' | 'binary') {
  return oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format as 'text')
}

export function sslModeOf(config: Config): string | null {
  return queryOf(config).get('sslmode')
}

const sslModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full']

function withTls(config: Config): string {
  return `${(config.DATABASE_URL ?? 'postgres://').split('?', 1)[0]}?${queryOf(config)}`
}

/** The parameters of the URL. For those about TLS that it does not have, the variables apply. */
function queryOf(config: Config): URLSearchParams {
  const query = new URLSearchParams(config.DATABASE_URL?.split('?').slice(1).join('?'))
  const tls = {
    sslmode: config.PGSSLMODE,
    sslrootcert: config.PGSSLROOTCERT,
    sslcert: config.PGSSLCERT,
    sslkey: config.PGSSLKEY,
  }
  for (const [name, value] of Object.entries(tls)) {
    if (value !== undefined && !query.has(name)) query.set(name, value)
  }
  // `readUrl` always sets it.
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
