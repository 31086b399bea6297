import { Client } from 'pg'
import type { TestProject } from 'vitest/node'
import { startPostgres } from '../src/lab/stack/embedded-postgres.ts'
import { migrate } from '../src/service/store/migrate.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** One real PostgreSQL for the whole run; tests take a database of their own from it. */
    postgres: { url: string; template: string }
  }
}

/** Starts the PostgreSQL of the run, with a migrated database that `createDatabase` clones. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await using undo = new AsyncDisposableStack()
  const server = await startPostgres()
  undo.defer(() => server.stop())

  const template = 'insertlab_template'
  const templateUrl = new URL(server.url)
  templateUrl.pathname = template
  await withClient(server.url, client => client.query(`CREATE DATABASE ${template}`))
  await withClient(templateUrl.href, migrate)
  await withClient(server.url, client => client.query(`ALTER DATABASE ${template} ALLOW_CONNECTIONS false`))

  project.provide('postgres', { url: server.url, template })
  const cleanup = undo.move()
  return () => cleanup.disposeAsync()
}

async function withClient(
  connectionString: string,
  use: (client: Client) => Promise<unknown>,
): Promise<void> {
  const client = new Client({ connectionString })
  await client.connect()
  try {
    await use(client)
  } finally {
    await client.end()
  }
}
