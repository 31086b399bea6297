import { setTimeout as pause } from 'node:timers/promises'
import { Client, DatabaseError } from 'pg'
import { LabError } from '../errors.ts'
import { startPostgres } from '../stack/embedded-postgres.ts'

/** A database that is the lab's to fill and empty. */
export interface Database extends AsyncDisposable {
  readonly url: string
  /** The postmaster; null for a server that the lab did not start. */
  readonly pid: number | null
  readonly version: string
  /** The newest of the server's log; empty for a server that the lab did not start. */
  log(): string
  /**
   * Empties the service's tables, takes off them what the last seed put on (triggers), runs this one, and
   * writes a checkpoint, so that every step starts from the same state and none pays for the dirty pages of
   * the one before.
   */
  reset(seed: readonly string[]): Promise<void>
}

/** The service's own tables (DESIGN 3), emptied between steps. */
const tables = ['simple_text', 'tasks']

/**
 * Opens a database: on the server that the user names, where a new one is created and dropped again,
 * so that no table of anyone else is ever touched; otherwise on an embedded server with these settings.
 */
export async function openDatabase(
  serverUrl: string | null,
  settings?: Readonly<Record<string, string>>,
): Promise<Database> {
  if (serverUrl !== null) return openOnServer(serverUrl)
  const server = await startPostgres(settings === undefined ? {} : { settings })
  return {
    url: server.url,
    pid: server.pid,
    version: server.version,
    log: server.log,
    reset: seed => reset(server.url, seed),
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

async function openOnServer(serverUrl: string): Promise<Database> {
  const name = `insertlab_${process.pid}_${Date.now()}`
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  const version = await onServer(serverUrl, async client => {
    await client.query(`CREATE DATABASE ${name}`)
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version')
    return rows[0]?.server_version ?? 'unknown'
  })
  return {
    url: url.href,
    pid: null,
    version,
    log: () => '',
    reset: seed => reset(url.href, seed),
    async [Symbol.asyncDispose]() {
      await withClient(serverUrl, client => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))
    },
  }
}

async function reset(url: string, seed: readonly string[]): Promise<void> {
  await whenThereIsRoom(() =>
    withClient(url, async client => {
      const names = await tablesOfService(client)
      for (const drop of await triggersOn(client, names)) await client.query(drop)
      if (names.length > 0) await client.query(`TRUNCATE ${names} RESTART IDENTITY`)
      for (const statement of seed) await client.query(statement)
      await client.query('CHECKPOINT')
    }),
  )
}

async function tablesOfService(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() AND tablename = ANY($1)',
    [tables],
  )
  return rows.map(({ name }) => name)
}

async function triggersOn(client: Client, names: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ drop: string }>(
    `SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass) AS drop
       FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = ANY($1::regclass[])`,
    [names],
  )
  return rows.map(({ drop }) => drop)
}

const tooManyClients = '53300'
const roomRetryMs = 100
const roomLimitMs = 10_000

/** A step that exhausts the server's connections gives the last of them back a moment after its load. */
async function whenThereIsRoom<T>(use: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + roomLimitMs
  for (;;) {
    try {
      return await use()
    } catch (error) {
      const isFull = error instanceof DatabaseError && error.code === tooManyClients
      if (!isFull || performance.now() > deadline) throw error
      await pause(roomRetryMs)
    }
  }
}

/** Connects, and closes the connection after use. */
export async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, application_name: 'insertlab' })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

async function onServer<T>(serverUrl: string, use: (client: Client) => Promise<T>): Promise<T> {
  try {
    return await withClient(serverUrl, use)
  } catch (cause) {
    throw new LabError(
      'LAB_TARGET',
      `no database can be created on the server that was named: ${cause instanceof Error ? cause.message : cause}`,
      'Name a superuser of a PostgreSQL 14 or newer (databases and checkpoints are theirs), or leave it to the lab: without --database-url, and with DATABASE_URL unset.',
      { cause },
    )
  }
}
