import { availableParallelism } from 'node:os'
import { envSchema } from 'env-schema'
import { type Static, Type } from 'typebox'
import { accessLogModes } from '../telemetry/access-log.ts'
import { telemetryLevels } from '../telemetry/level.ts'
import { StartError } from './errors.ts'
import { insertStrategyNames } from './store/inserts/insert-strategy.ts'

/**
 * The service's environment. This file is its only reader (the OpenTelemetry SDK reads `OTEL_*` and
 * `pg` the rest of `PG*`, as their own documents say). A `description` completes "Set NAME to …". A `title` is for
 * docs/configuration.md.
 */
export const Environment = Type.Object({
  DATABASE_URL: Type.Optional(
    Type.String({
      title: 'The database. Without it, `pg` reads `PGHOST`, `PGUSER` and so on.',
      pattern: '^postgres(ql)?://',
      description: 'a URL such as postgres://user:password@host:5432/db',
    }),
  ),
  PGSSLMODE: text('As `sslmode` in `DATABASE_URL`, with the meaning that it has for libpq.'),
  PGSSLROOTCERT: text('The file with the certificate of the authority that signed the server’s.'),
  PGSSLCERT: text('The file with the certificate of this client.'),
  PGSSLKEY: text('The file with the key of this client.'),
  MIGRATION_USER: text('The role that owns the tables, where the role of the service does not.'),
  MIGRATION_PASSWORD: text('Its password.'),
  PGOPTIONS: text(
    'Settings of each session; joined with `options=` in `DATABASE_URL`.',
    'settings such as -c work_mem=8MB',
  ),
  HOST: Type.String({
    title: 'The address to listen on.',
    default: '127.0.0.1',
    description: 'the address to listen on',
  }),
  PORT: wholeNumber(0, 65_535, 8000, 'The port to listen on; 0: any free one.'),
  ADMIN_HOST: Type.String({
    title: 'The address of the admin port.',
    default: '127.0.0.1',
    description: 'the address of the admin port',
  }),
  ADMIN_PORT: wholeNumber(
    0,
    65_535,
    9464,
    'Metrics and CPU profiles. Worker i of several listens on this port + i.',
  ),
  ADMIN_TOKEN: Type.Optional(
    // Shorter ones can be guessed, and others do not fit into a header.
    Type.String({
      title: 'What `Authorization: Bearer` must bring to the admin port.',
      pattern: '^[\\w.~+/-]{16,}=*$',
      description: 'at least 16 letters, digits and -._~+/, for example of `openssl rand -hex 32`',
    }),
  ),
  WORKERS: Type.String({
    title: 'Processes that serve. Their connections are divided so that they fit `max_connections`.',
    default: '1',
    pattern: '^(auto|[1-9][0-9]{0,2})$',
    description: 'auto or a whole number from 1 to 999',
  }),
  ACCESS_LOG: oneOf(accessLogModes, 'off', 'One line a request; `on` is buffered, `sync` is not.'),
  CONNECTION_MODE: oneOf(
    ['pool', 'per-request'],
    'pool',
    'A pool, or a new connection for each request, as in the second report.',
  ),
  POOL_SIZE: wholeNumber(1, 10_000, 20, 'Connections of a worker at most.'),
  POOL_IDLE_TIMEOUT_MS: wholeNumber(
    0,
    86_400_000,
    30_000,
    'When a connection that nobody uses is closed; 0: never.',
  ),
  BATCH_LINGER_MS: wholeNumber(0, 50, 0, 'How long rows wait for more rows (decision 5).'),
  INSERT_STRATEGY: oneOf(
    insertStrategyNames,
    'batched',
    'How rows are inserted; each file in `src/service/store/inserts` says what it trades.',
  ),
  SYNCHRONOUS_COMMIT: oneOf(
    ['on', 'off', 'local', 'remote_write', 'remote_apply'],
    'on',
    'As in PostgreSQL. With `off`, rows that were answered may be lost.',
  ),
  RATE_LIMIT_PER_S: wholeNumber(
    0,
    1_000_000,
    0,
    'Requests of one client address in a second and worker; past them: 429; 0: no limit.',
  ),
  QUEUE_LIMIT: wholeNumber(
    1,
    10_000_000,
    10_000,
    'Requests that may wait for a connection, and rows for a batch; past them: 503.',
  ),
  REQUEST_DEADLINE_MS: wholeNumber(100, 600_000, 10_000, 'How long they may wait; then: 503.'),
  HEADERS_TIMEOUT_MS: wholeNumber(
    100,
    3_600_000,
    10_000,
    'How long the headers of a request may take to arrive.',
  ),
  REQUEST_TIMEOUT_MS: wholeNumber(
    100,
    3_600_000,
    60_000,
    'How long a request may take to arrive; `/texts/bulk` limits the pauses of its client instead.',
  ),
  KEEP_ALIVE_TIMEOUT_MS: wholeNumber(
    100,
    3_600_000,
    72_000,
    'How long a connection may be idle. Keep it longer than the limit of a load balancer.',
  ),
  SHUTDOWN_GRACE_MS: wholeNumber(0, 600_000, 10_000, 'How long a stop waits for requests.'),
  TELEMETRY: oneOf(
    telemetryLevels,
    'full',
    'What is observed, each level with those before it; the price of each can be measured.',
  ),
  LOG_LEVEL: oneOf(
    ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    'info',
    'Which lines are logged.',
  ),
})

/** Named as in URLs of PostgreSQL. */
export interface TlsParameters {
  readonly sslmode?: string | undefined
  /** Paths of PEM files. */
  readonly sslrootcert?: string | undefined
  readonly sslcert?: string | undefined
  readonly sslkey?: string | undefined
}

/** What the service is told to do; units in the names. */
export interface Config {
  /** undefined: `pg` reads `PGHOST`, `PGUSER` … itself. */
  readonly databaseUrl: string | undefined
  /** Read here and not by `pg`, which would drop them beside other options. */
  readonly pgOptions: string | undefined
  /** TLS to the database, as far as the URL does not say. */
  readonly tls: TlsParameters
  /** The role that owns the tables; undefined: the service migrates as its own role. */
  readonly migrationUser: string | undefined
  readonly migrationPassword: string | undefined
  readonly host: string
  readonly port: number
  readonly adminHost: string
  /** Worker i of several listens on `adminPort + i`, the supervisor on `adminPort`. */
  readonly adminPort: number
  /** Whoever asks the admin port must send it; undefined: nobody need. */
  readonly adminToken: string | undefined
  readonly workers: number
  readonly accessLog: (typeof accessLogModes)[number]
  readonly connectionMode: 'pool' | 'per-request'
  readonly poolSize: number
  /** A connection that nobody used for so long is closed; 0: never. */
  readonly poolIdleTimeoutMs: number
  /** How long rows wait for more rows when others are about, unless their batch is full. */
  readonly batchLingerMs: number
  readonly insertStrategy: (typeof insertStrategyNames)[number]
  readonly synchronousCommit: Static<typeof Environment>['SYNCHRONOUS_COMMIT']
  /** Requests of one client address in one second, before more are refused; 0: no limit. */
  readonly rateLimitPerS: number
  /** Requests that may wait for a connection, and rows for a batch, before more are refused. */
  readonly queueLimit: number
  readonly requestDeadlineMs: number
  /** How long the headers of a request may take to arrive. */
  readonly headersTimeoutMs: number
  /** How long a whole request may take to arrive, except for `/texts/bulk`, which limits its pauses instead. */
  readonly requestTimeoutMs: number
  /** How long a connection may be idle. Longer than a balancer's own limit (60 s as a rule), which then closes first. */
  readonly keepAliveTimeoutMs: number
  readonly shutdownGraceMs: number
  readonly telemetry: (typeof telemetryLevels)[number]
  readonly logLevel: Static<typeof Environment>['LOG_LEVEL']
}

/**
 * @param environment `process.env`; a variable that is set to nothing, or to blanks, counts as not set.
 * @throws {StartError} one line that names the first wrong variable, its value and what it takes.
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const data = Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim()))
  const env = validate(data)
  return {
    databaseUrl: env.DATABASE_URL,
    pgOptions: env.PGOPTIONS,
    tls: {
      sslmode: env.PGSSLMODE,
      sslrootcert: env.PGSSLROOTCERT,
      sslcert: env.PGSSLCERT,
      sslkey: env.PGSSLKEY,
    },
    migrationUser: env.MIGRATION_USER,
    migrationPassword: env.MIGRATION_PASSWORD,
    host: env.HOST,
    port: env.PORT,
    adminHost: env.ADMIN_HOST,
    adminPort: env.ADMIN_PORT,
    adminToken: env.ADMIN_TOKEN,
    workers: env.WORKERS === 'auto' ? availableParallelism() : Number(env.WORKERS),
    accessLog: env.ACCESS_LOG,
    connectionMode: env.CONNECTION_MODE,
    poolSize: env.POOL_SIZE,
    poolIdleTimeoutMs: env.POOL_IDLE_TIMEOUT_MS,
    batchLingerMs: env.BATCH_LINGER_MS,
    insertStrategy: env.INSERT_STRATEGY,
    synchronousCommit: env.SYNCHRONOUS_COMMIT,
    rateLimitPerS: env.RATE_LIMIT_PER_S,
    queueLimit: env.QUEUE_LIMIT,
    requestDeadlineMs: env.REQUEST_DEADLINE_MS,
    headersTimeoutMs: env.HEADERS_TIMEOUT_MS,
    requestTimeoutMs: env.REQUEST_TIMEOUT_MS,
    keepAliveTimeoutMs: env.KEEP_ALIVE_TIMEOUT_MS,
    shutdownGraceMs: env.SHUTDOWN_GRACE_MS,
    telemetry: env.TELEMETRY,
    logLevel: env.LOG_LEVEL,
  }
}

function validate(data: Record<string, string | undefined>): Static<typeof Environment> {
  try {
    return envSchema<Static<typeof Environment>>({ schema: Environment, data, env: false })
  } catch (error) {
    throw new StartError(complaint(error, data), { cause: error })
  }
}

function complaint(error: unknown, data: Record<string, string | undefined>): string {
  const { errors = [] } = error as { errors?: { instancePath: string }[] }
  const name = errors[0]?.instancePath.slice(1) as keyof typeof Environment.properties | undefined
  if (name === undefined || !(name in Environment.properties)) return String(error)
  const { description } = Environment.properties[name] as unknown as { description: string }
  const isSecret = name === 'DATABASE_URL' || name === 'ADMIN_TOKEN'
  const value = isSecret ? 'what it is' : JSON.stringify(data[name])
  return `${name} cannot be ${value}. Set ${name} to ${description}.`
}

function text(title: string, description = 'any text') {
  return Type.Optional(Type.String({ title, description }))
}

function wholeNumber(minimum: number, maximum: number, fallback: number, title: string) {
  return Type.Integer({
    title,
    minimum,
    maximum,
    default: fallback,
    description: `a whole number from ${minimum} to ${maximum}`,
  })
}

function oneOf<const T extends string>(values: readonly T[], fallback: T, title: string) {
  return Type.Unsafe<T>({
    title,
    type: 'string',
    enum: values,
    default: fallback,
    description: `one of ${values.join(', ')}`,
  })
}
