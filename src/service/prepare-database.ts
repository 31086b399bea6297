import pg from 'pg'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { StartError } from './errors.ts'
import { clientConfig, sslModeOf } from './store/client-config.ts'
import { migrate } from './store/migrate.ts'
import { requireTables } from './store/tables.ts'

const oldestPostgres = 14
const connectLimitMs = 5_000

/**
 * `sslmode=prefer` means TLS if the server has it. The server is asked once, so that all connections are of one kind.
 * @throws {StartError} if DATABASE_URL cannot be read. Any other error shows at the next connection.
 */
export async function settleTls(config: Config): Promise<Config> {
  if (sslModeOf(config) !== 'prefer') return config
  const client = new pg.Client({ ...clientConfig(config), connectionTimeoutMillis: connectLimitMs })
  client.on('error', () => {})
  const hasTls = await client.connect().then(
    () => true,
    error => !noTls.test(error.message),
  )
  await client.end()
  if (hasTls) return config
  const url = config.DATABASE_URL?.replace(/([?&])sslmode=prefer(?=&|$)/, '$1sslmode=disable')
  return { ...config, ...(url !== undefined && { DATABASE_URL: url }), PGSSLMODE: 'disable' }
}

/**
 * Brings the schema up to date. One process does it, before any process serves. If there is a separate migration
 * role, it then grants the service's role the privileges that the service needs, and no more.
 * @throws {StartError}
 */
export async function migrateDatabase(config: Config): Promise<void> {
  const { MIGRATION_USER, MIGRATION_PASSWORD } = config
  if (MIGRATION_USER === undefined) return withClient(config, client => migrate(client))
  const { user } = new pg.Client(clientConfig(config))
  await withClient(config, client => migrate(client, { grantTo: user }), {
    user: MIGRATION_USER,
    password: MIGRATION_PASSWORD,
  })
}

/**
 * Calls {@link migrateDatabase}, and checks that the session has the settings that the service asked for. A pooler
 * must not weaken durability silently (PgBouncer can be configured to ignore `options`).
 * @throws {StartError}
 */
export async function prepareDatabase(config: Config, log: Logger): Promise<void> {
  await withClient(config, async client => {
    await checkSettings(client, config, log)
    if (config.MIGRATION_USER === undefined) return migrate(client)
    await migrateDatabase(config)
    await requireTables(client)
  })
}

/**
 * Runs `use` on a separate connection. An error becomes a StartError with the cause and a remedy.
 * @param role is used instead of the service's own role.
 */
export async function withClient<T>(
  config: Config,
  use: (client: pg.Client) => Promise<T>,
  role: { user?: string; password?: string | undefined } = {},
): Promise<T> {
  const client = new pg.Client({
    ...clientConfig(config),
    ...role,
    connectionTimeoutMillis: connectLimitMs,
  })
  // The waiting query fails with the same error.
  client.on('error', () => {})
  try {
    await client.connect()
    await requireVersion(client)
    return await use(client)
  } catch (error) {
    throw error instanceof StartError ? error : startErrorOf(error, config)
  } finally {
    await client.end()
  }
}

async function requireVersion(client: pg.Client): Promise<void> {
  const { rows } = await client.query('SHOW server_version_num')
  const major = Math.floor(Number(rows[0].server_version_num) / 10_000)
  if (major < oldestPostgres) {
    throw new StartError(
      `PostgreSQL ${major} is too old. Point DATABASE_URL at a server of version ${oldestPostgres} or newer.`,
    )
  }
}

async function checkSettings(client: pg.Client, config: Config, log: Logger): Promise<void> {
  const { rows } = await client.query(`
    SELECT current_setting('synchronous_commit') AS "synchronousCommit", current_setting('fsync') AS fsync,
      current_setting('full_page_writes') AS "fullPageWrites",
      (SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout') AS "statementTimeoutMs"`)
  const { synchronousCommit, fsync, fullPageWrites, statementTimeoutMs } = rows[0]
  if (synchronousCommit !== config.SYNCHRONOUS_COMMIT) {
    throw new StartError(
      `synchronous_commit is ${synchronousCommit}, but SYNCHRONOUS_COMMIT asks for ${config.SYNCHRONOUS_COMMIT}. Remove it from the options of DATABASE_URL and PGOPTIONS, or set SYNCHRONOUS_COMMIT=${synchronousCommit}; behind a pooler that drops options, use ALTER ROLE … SET synchronous_commit = ${config.SYNCHRONOUS_COMMIT}.`,
    )
  }
  if (fsync === 'off' || fullPageWrites === 'off') {
    log.warn(
      { fsync, fullPageWrites },
      'a crash of the database’s machine may lose or damage what was stored',
    )
  }
  if (statementTimeoutMs !== config.REQUEST_DEADLINE_MS) {
    log.warn(
      { statementTimeoutMs, requestDeadlineMs: config.REQUEST_DEADLINE_MS },
      'statement_timeout is not REQUEST_DEADLINE_MS: set by the options of DATABASE_URL or PGOPTIONS, or dropped by a pooler',
    )
  }
}

const ownerMigrates =
  'Set MIGRATION_USER and MIGRATION_PASSWORD to the role that owns the tables and their schema'
const noTls = /does not support SSL/

const unreachable =
  /^(ECONN\w+|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|E(HOST|NET)UNREACH|ENOENT|EACCES)$|timeout expired|terminated unexpectedly/

type Remedy = readonly [cause: RegExp, remedy: string]

/** Before the others if no variable says where the database is: `pg` then looks for it on this machine. */
const ifNamedNowhere: readonly Remedy[] = [unreachable, /no PostgreSQL user name/].map(cause => [
  cause,
  'Neither DATABASE_URL nor PGHOST is set: set DATABASE_URL=postgres://user:password@host:5432/db.',
])

/** The cause is Node's error code, PostgreSQL's SQLSTATE (appendix A of its manual) or the message of `pg`. */
const remedies: readonly Remedy[] = [
  [unreachable, 'Set DATABASE_URL (or PGHOST …) to a PostgreSQL that runs.'],
  [
    /password must be a (non-empty )?string/,
    'PostgreSQL asks for a password and none is set. Put it into DATABASE_URL, or set PGPASSWORD.',
  ],
  [
    /^28P01$/,
    'Set DATABASE_URL (or PGUSER, PGPASSWORD; for migrations MIGRATION_USER, MIGRATION_PASSWORD) to a role and its password.',
  ],
  [
    /no encryption$/,
    'If pg_hba.conf requires TLS, set sslmode=verify-full in DATABASE_URL, or PGSSLMODE. If not, allow the role in pg_hba.conf.',
  ],
  [
    /valid client certificate/,
    'Set sslcert and sslkey in DATABASE_URL, or PGSSLCERT and PGSSLKEY, to a certificate that PostgreSQL accepts and its key.',
  ],
  [/^28000$/, 'Set DATABASE_URL to a role that may log in from here, or allow it in pg_hba.conf.'],
  [/^42704$/, 'Create the role: CREATE ROLE … LOGIN PASSWORD ….'],
  [/^3D000$/, 'Create it by CREATE DATABASE, or set DATABASE_URL to one that exists.'],
  [
    /ALTNAME/,
    'Connect by a host name that the certificate has, or set sslmode=verify-ca and sslrootcert to accept every name.',
  ],
  [
    /^(?!ERR_(SSL|OSSL)).*(CERT|SIGNATURE|ISSUER)/,
    'Set sslrootcert in DATABASE_URL, or PGSSLROOTCERT, to the certificate of the CA, or sslmode=require to accept any certificate.',
  ],
  [/^ERR_OSSL/, 'Set sslrootcert, sslcert and sslkey to PEM files: certificates, and the key of sslcert.'],
  [noTls, 'Set sslmode=disable in DATABASE_URL, or PGSSLMODE, or switch ssl on in the server.'],
  [/^53300$/, 'Close connections of other programs, or raise max_connections.'],
  [/^57P03$/, 'Start the service again when the server has started.'],
  [
    /^25006$/,
    'The database is read-only and its schema is not up to date: migrate the primary server first, or unset default_transaction_read_only.',
  ],
  [/permission denied for schema/, `${ownerMigrates}, or GRANT the role CREATE on the schema.`],
  [
    /permission denied for database/,
    'GRANT the role CONNECT on the database, or set DATABASE_URL to a role that may use it.',
  ],
  [/^42501$/, `${ownerMigrates}.`],
  [/invalid command-line argument/, 'Write PGOPTIONS, and options= in DATABASE_URL, as -c name=value.'],
]

function startErrorOf(error: unknown, { DATABASE_URL }: Config): StartError {
  const { code, message, errors } = error as AggregateError & { code?: string }
  // A refused connection to `localhost` is an AggregateError without a message.
  const reason = (message || errors?.map(String).join(', ') || String(error)).replace(/\s*\n\s*/g, ' ')
  const isNamed = DATABASE_URL !== undefined || process.env['PGHOST']
  const [, remedy = 'See the log of PostgreSQL.'] =
    [...(isNamed ? [] : ifNamedNowhere), ...remedies].find(
      ([cause]) => (code !== undefined && cause.test(code)) || cause.test(reason),
    ) ?? []
  return new StartError(`the database cannot be used: ${reason}. ${remedy}`, { cause: error })
}
