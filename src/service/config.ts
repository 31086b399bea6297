import { availableParallelism } from 'node:os'
import { envSchema } from 'env-schema'
import { type Static, Type } from 'typebox'
import { accessLogModes } from '../telemetry/access-log.ts'
import { telemetryLevels } from '../telemetry/level.ts'
import { StartError } from './errors.ts'
import { insertStrategyNames } from './store/inserts/insert-strategy.ts'

/**
 * The environment variables that the service reads and validates. The OpenTelemetry SDK reads `OTEL_*` and `pg` reads
 * the other `PG*` variables, as their own documentation says. A `description` completes "Set NAME to …". A `title` is
 * for docs/configuration.md.
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
  PGSSLROOTCERT: text('The file with the certificate of the CA that signed the server’s certificate.'),
  PGSSLCERT: text('The file with the certificate of this client.'),
  PGSSLKEY: text('The file with the key of this client.'),
  MIGRATION_USER: text('The role that owns the tables, if the role of the service does not own them.'),
  MIGRATION_PASSWORD: text('The password of that role.'),
  PGOPTIONS: text(
    'Settings of each session; joined with `options=` in `DATABASE_URL`.',
    'settings such as -c work_mem=8MB',
  ),
  HOST: Type.String({
    title: 'The address to listen on.',
    default: '127.0.0.1',
    description: 'the address to listen on',
  }),
  PORT: wholeNumber(0, 65_535, 8000, 'The port to listen on. 0: any free port.'),
  ADMIN_HOST: Type.String({
    title: 'The address of the admin port.',
    default: '127.0.0.1',
    description: 'the address of the admin port',
  }),
  ADMIN_PORT: wholeNumber(
    0,
    65_535,
    9464,
    'The port of metrics and CPU profiles. With several workers, worker i listens on this port + i.',
  ),
  ADMIN_TOKEN: Type.Optional(
    // A shorter token can be guessed. Other characters do not fit into a header.
    Type.String({
      title: 'The token that a request to the admin port must send as `Authorization: Bearer`.',
      pattern: '^[\\w.~+/-]{16,}=*$',
      description: 'at least 16 letters, digits or -._~+/, for example from `openssl rand -hex 32`',
    }),
  ),
  WORKERS: Type.String({
    title: 'Processes that serve requests. They share the connections that `max_connections` allows.',
    default: '1',
    pattern: '^(auto|[1-9][0-9]{0,2})$',
    description: 'auto or a whole number from 1 to 999',
  }),
  ACCESS_LOG: oneOf(accessLogModes, 'off', 'One line per request. `on` is buffered, `sync` is not.'),
  CONNECTION_MODE: oneOf(
    ['pool', 'per-request'],
    'pool',
    'A pool, or a new connection for each request, as in the second report.',
  ),
  POOL_SIZE: wholeNumber(1, 10_000, 20, 'The most connections that one worker opens.'),
  POOL_IDLE_TIMEOUT_MS: wholeNumber(
    0,
    86_400_000,
    30_000,
    'How long a connection may be unused before it is closed. 0: for ever.',
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
    'Requests per second that one client address may send to one worker. More get 429. 0: no limit.',
  ),
  QUEUE_LIMIT: wholeNumber(
    1,
    10_000_000,
    10_000,
    'Requests that may wait for a connection, and rows that may wait for a batch. More get 503.',
  ),
  REQUEST_DEADLINE_MS: wholeNumber(
    100,
    600_000,
    10_000,
    'How long they may wait, and how long a statement may run. Then they get 503.',
  ),
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
    'How long a request may take to arrive; `/texts/bulk` limits each pause of its client to REQUEST_DEADLINE_MS instead.',
  ),
  KEEP_ALIVE_TIMEOUT_MS: wholeNumber(
    100,
    3_600_000,
    72_000,
    'How long a connection may be idle. Keep it longer than the limit of a load balancer.',
  ),
  SHUTDOWN_GRACE_MS: wholeNumber(0, 600_000, 10_000, 'How long a stop waits for open requests.'),
  TELEMETRY: oneOf(
    telemetryLevels,
    'full',
    'What is observed. Each level contains the levels before it. The lab measures what each costs.',
  ),
  LOG_LEVEL: oneOf(
    ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    'info',
    'Which lines are logged.',
  ),
})

/** The validated environment; a name contains its unit. A variable that has no default may be missing. */
export type Config = Readonly<Omit<Static<typeof Environment>, 'WORKERS'> & { WORKERS: number }>

/**
 * @param environment `process.env`. A variable that is empty or blank counts as not set.
 * @throws {StartError} Its message is one line: the first wrong variable, its value and the values that are allowed.
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const data = Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim()))
  const config = validate(data)
  return { ...config, WORKERS: config.WORKERS === 'auto' ? availableParallelism() : Number(config.WORKERS) }
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
  const value = isSecret ? 'its present value' : JSON.stringify(data[name])
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
