import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { findFreePort } from '../../src/lab/stack/free-port.ts'
import {
  type Cluster,
  type ClusterFolder,
  clusterUrl,
  createCluster,
  type RunningServer,
  startServer,
} from '../../src/lab/stack/postgres-cluster.ts'

/** Connections of the server are few enough to be used up. */
const settings = { log_connections: 'receipt', shared_buffers: '64MB', max_connections: '60' }
const askAgainMs = 20
const startLimitMs = 30_000

/** A PostgreSQL of the fault tests: it may be killed, and started again on its data. */
export class DatabaseServer {
  readonly #cluster: Cluster
  readonly #settings: Readonly<Record<string, string>>
  readonly #folder: ClusterFolder | null
  #server: RunningServer
  #received = 0
  #ownConnections = 0
  #databases = 0

  private constructor(
    cluster: Cluster,
    settings: Readonly<Record<string, string>>,
    server: RunningServer,
    folder: ClusterFolder | null,
  ) {
    this.#cluster = cluster
    this.#settings = settings
    this.#folder = folder
    this.#server = server
    this.#watch()
  }

  /** @param options.initdb more arguments of initdb. */
  static async create(
    options: { initdb?: readonly string[]; settings?: Readonly<Record<string, string>> } = {},
  ): Promise<DatabaseServer> {
    const folder = await createCluster({ initdb: options.initdb ?? [] })
    return DatabaseServer.#on(folder, { ...settings, ...options.settings }, folder)
  }

  static async #on(
    cluster: Cluster,
    settings: Readonly<Record<string, string>>,
    folder: ClusterFolder | null = null,
  ): Promise<DatabaseServer> {
    const server = await startServer(cluster, settings)
    const started = new DatabaseServer(cluster, settings, server, folder)
    await started.untilConnectable()
    return started
  }

  /** The postmaster. */
  get pid(): number {
    return this.#server.process.pid
  }

  /** Connections that others than this class asked for, whether or not the server gave them. */
  get connectionsAsked(): number {
    return this.#received - this.#ownConnections
  }

  get hasEnded(): boolean {
    const { exitCode, signalCode } = this.#server.process.child
    return exitCode !== null || signalCode !== null
  }

  url(database: string): string {
    return clusterUrl(this.#cluster, database)
  }

  /** An empty database of this server. */
  async createDatabase(): Promise<string> {
    this.#databases += 1
    const name = `fault_${this.#databases}`
    await this.query('postgres', `CREATE DATABASE ${name}`)
    return name
  }

  /** Runs a statement on a connection of its own. */
  async query(database: string, text: string): Promise<Record<string, unknown>[]> {
    const client = await this.connect(database)
    try {
      return (await client.query(text)).rows
    } finally {
      await client.end()
    }
  }

  async connect(database: string): Promise<Client> {
    const client = new Client({ connectionString: this.url(database) })
    // The fault may be the end of it.
    client.on('error', () => {})
    try {
      await client.connect()
      this.#ownConnections += 1
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') this.#ownConnections += 1
      throw error
    }
    return client
  }

  /** Statements on these tables wait until the client that it gives is closed. */
  async lock(database: string, ...tables: readonly string[]): Promise<Client> {
    const client = await this.connect(database)
    await client.query(`BEGIN; LOCK TABLE ${tables.join(', ')} IN ACCESS EXCLUSIVE MODE`)
    return client
  }

  /** Sends a signal to the postmaster and waits until it has ended. */
  async end(signal: 'SIGKILL' | 'SIGQUIT' | 'SIGINT'): Promise<void> {
    process.kill(this.pid, signal)
    await this.#server.process.ended
  }

  /**
   * Starts it again on its data and waits until it takes connections. Processes of a server that was killed may still be
   * there for a moment; until then the data is theirs, and a new server ends at once.
   */
  async start(): Promise<void> {
    if (this.hasEnded) await this.#launch()
    await this.untilConnectable()
  }

  /** Waits until it takes connections; starts it again if it ends before. */
  async untilConnectable(): Promise<void> {
    for (const endMs = performance.now() + startLimitMs; ; await sleep(askAgainMs)) {
      try {
        const client = await this.connect('postgres')
        await client.end()
        return
      } catch (error) {
        if (performance.now() > endMs) throw error
        if (this.hasEnded) await this.#launch()
      }
    }
  }

  /** A standby that has all that this server has and is told of all that it commits, before a commit is answered. */
  async createStandby(): Promise<DatabaseServer> {
    // A copy of a server that stands still is the simplest base backup; the npm package has no pg_basebackup.
    await this.end('SIGINT')
    const data = join(this.#cluster.data, '..', 'standby')
    await promisify(execFile)('cp', ['-a', this.#cluster.data, data])
    await writeFile(join(data, 'standby.signal'), '')
    await this.start()
    const standby: Cluster = { ...this.#cluster, data, port: await findFreePort() }
    const primary = new URL(this.url('postgres'))
    const started = await DatabaseServer.#on(standby, {
      ...this.#settings,
      primary_conninfo: `host=127.0.0.1 port=${primary.port} user=${primary.username} password=${primary.password} application_name=standby`,
    })
    await this.query('postgres', `ALTER SYSTEM SET synchronous_standby_names = 'standby'`)
    await this.query('postgres', 'SELECT pg_reload_conf()')
    return started
  }

  async promote(): Promise<void> {
    await this.query('postgres', 'SELECT pg_promote()')
  }

  async stop(): Promise<void> {
    await this.#server.process.end()
    await this.#folder?.remove()
  }

  async #launch(): Promise<void> {
    this.#server = await startServer(this.#cluster, this.#settings)
    this.#watch()
  }

  #watch(): void {
    this.#server.process.child.stderr?.on('data', (text: string) => {
      this.#received += text.split('connection received').length - 1
    })
  }
}
