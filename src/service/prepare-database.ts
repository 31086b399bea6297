import pg from 'pg'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { StartError } from './errors.ts'
import { clientConfig } from './store/client-config.ts'
import { migrate } from './store/migrate.ts'

const oldestPostgres = 14
const connectLimitMs = 5_000

/**
 * Brings the schema up to date. One process does it, before any process serves.
 * @throws {StartError}
 */
export async function migrateDatabase(config: Config): Promise<void> {
  await withClient(config, migrate)
}

/**
 * {@link migrateDatabase}, and checks that the session has the settings that the service asked for: whoever stands
 * between (PgBouncer drops `options` if it is told to ignore them) must not weaken durability in silence.
 * @throws {StartError}
 */
export async function prepareDatabase(config: Config, log: Logger): Promise<void> {
  await withClient(config, async client => {
    await checkSettings(client, config, log)
    await migrate(client)
  })
}

/** Runs `use` on a connection of its own, and turns what goes wrong into a cause and a remedy. */
export async function withClient<T>(config: Config, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...clientConfig(config), connectionTimeoutMillis: connectLimitMs })
  // The query that waits hears of it too.
  client.on('error', () => {})
  try {
    await client.connect()
    await requireVersion(client)
    return await use(client)
  } catch (error) {
    throw error instanceof StartError ? error : startErrorOf(error)
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
  if (synchronousCommit !== config.synchronousCommit) {
    throw new StartError(
      `synchronous_commit is ${synchronousCommit}, but SYNCHRONOUS_COMMIT asks for ${config.synchronousCommit}. Remove it from the options of DATABASE_URL and PGOPTIONS, or set SYNCHRONOUS_COMMIT=${synchronousCommit}; behind a pooler that drops options, use ALTER ROLE … SET synchronous_commit = ${config.synchronousCommit}.`,
    )
  }
  if (fsync === 'off' || fullPageWrites === 'off') {
    log.warn(
      { fsync, fullPageWrites },
      'a crash of the database’s machine may lose or damage what was stored',
    )
  }
  if (statementTimeoutMs !== config.requestDeadlineMs) {
    log.warn(
      { statementTimeoutMs, requestDeadlineMs: config.requestDeadlineMs },
      'statement_timeout is not REQUEST_DEADLINE_MS: set by the options of DATABASE_URL or PGOPTIONS, or dropped by a pooler',
    )
  }
}

/** By Node's error code, PostgreSQL's SQLSTATE (appendix A of its manual) or `pg`'s message. */
const remedies: readonly (readonly [cause: RegExp, remedy: string])[] = [
  [
    /^(ECONN\w+|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|E(HOST|NET)UNREACH|ENOENT|EACCES)$|timeout expired|terminated unexpectedly/,
    'Set DATABASE_URL (or PGHOST …) to a PostgreSQL that runs.',
  ],
  [
    /password must be a (non-empty )?string/,
    'PostgreSQL asks for a password and none is set. Put it into DATABASE_URL, or set PGPASSWORD.',
  ],
  [/^28P01$/, 'Set DATABASE_URL (or PGUSER, PGPASSWORD) to a role and its password.'],
  [/^28000$/, 'Set DATABASE_URL to a role that may log in from here, or let it in by pg_hba.conf.'],
  [/^3D000$/, 'Create it by CREATE DATABASE, or set DATABASE_URL to one that exists.'],
  [
    /CERT|SIGNATURE|ISSUER/,
    'Add sslmode=verify-full&sslrootcert=/path/to/ca.pem to DATABASE_URL, or sslmode=no-verify to accept any certificate.',
  ],
  [/does not support SSL/, 'Add sslmode=disable to DATABASE_URL, or switch ssl on in the server.'],
  [/^53300$/, 'Close connections of other programs, or raise max_connections.'],
  [/^57P03$/, 'Start the service again when the server has started.'],
  [
    /^25006$/,
    'The database is read-only and its schema is not up to date: migrate the primary server first, or unset default_transaction_read_only.',
  ],
  [
    /^42501$/,
    'GRANT the role CREATE on the schema, or migrate as a role that has it: node src/service/migrate-only.ts.',
  ],
]

function startErrorOf(error: unknown): StartError {
  const { code, message, errors } = error as AggregateError & { code?: string }
  // A refused connection to `localhost` is an AggregateError without a message.
  const reason = (message || errors?.map(String).join(', ') || String(error)).replace(/\s*\n\s*/g, ' ')
  const [, remedy = 'See the log of PostgreSQL.'] =
    remedies.find(([cause]) => (code !== undefined && cause.test(code)) || cause.test(reason)) ?? []
  return new StartError(`the database cannot be used: ${reason}. ${remedy}`, { cause: error })
}
