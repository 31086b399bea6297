import type { AddressInfo } from 'node:net'
import pg from 'pg'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import { startLedger } from '../../src/ledger/index.ts'
import { buildApp } from '../../src/service/app.ts'
import { type Config, readConfig } from '../../src/service/config.ts'
import { Store } from '../../src/service/store/store.ts'
import { includes } from '../../src/telemetry/level.ts'
import { Telemetry } from '../../src/telemetry/telemetry.ts'
import { createDatabase } from './database.ts'

export interface RunningApp {
  readonly url: string
  readonly store: Store
  readonly telemetry: Telemetry
  /** Of the throwaway database itself, also where `databaseUrl` sends the service by another way. */
  readonly databaseUrl: string
  /** What the service has logged, a JSON object a line. */
  readonly log: readonly string[]
  /** Runs beside the service, on a connection of the test's own; ids come as numbers. */
  sql(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
  /** As the service's own shutdown does: open requests are answered, then the connections closed. */
  close(): Promise<void>
}

/** `databaseUrl` may be made from the throwaway database's URL: a proxy before it, another role. */
export type AppOverrides = Partial<Config> & {
  databaseUrl?: (url: string) => string | Promise<string>
  isDraining?: () => boolean
}

/**
 * The service in this process: default configuration but for the overrides, a port and a throwaway database
 * of its own. For `beforeAll`; whoever opens it closes it. In a test, {@link startApp} does.
 */
export async function openApp({
  databaseUrl,
  isDraining,
  ...overrides
}: AppOverrides = {}): Promise<RunningApp> {
  const database = await createDatabase()
  const config: Config = {
    ...readConfig({ DATABASE_URL: (await databaseUrl?.(database.url)) ?? database.url }),
    ...overrides,
  }
  if (includes(config.TELEMETRY, 'ledger')) startLedger()
  const telemetry = new Telemetry({
    level: config.TELEMETRY,
    tracing: null,
    accessLog: null,
  })
  const store = new Store(config, telemetry)
  const log: string[] = []
  const app = await buildApp({
    config,
    store,
    telemetry,
    log: pino({ level: 'debug' }, { write: line => log.push(line) }),
    ...(isDraining && { isDraining }),
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo

  const client = new pg.Client({ connectionString: database.url, types: { getTypeParser } })
  await client.connect()
  return {
    url: `http://127.0.0.1:${port}`,
    store,
    telemetry,
    databaseUrl: database.url,
    log,
    sql: async (text, values = []) =>
      (await client.query(text, values.length === 0 ? undefined : [...values])).rows,
    async close() {
      await app.close()
      await store.close()
      await telemetry.close()
      await client.end()
      await database.drop()
    },
  }
}

/** {@link openApp} for the length of one test. */
export async function startApp(overrides: AppOverrides = {}): Promise<RunningApp> {
  const app = await openApp(overrides)
  onTestFinished(() => app.close())
  return app
}

function getTypeParser(oid: number, format?: 'text' | 'binary') {
  return oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format as 'text')
}
