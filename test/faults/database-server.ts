import { execFile } from 'node:child_process'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { findFreePort } from '../../src/lab/stack/free-port.ts'
import {
  type Cluster,
  type ClusterFolder,
  clusterUrl,
  connect,
  createCluster,
  type RunningServer,
  startServer,
} from '../../src/lab/stack/postgres-cluster.ts'

/** Connections of the server are few enough to be used up. */
const settings = { log_connections: 'receipt', shared_buffers: '64MB', max_connections: '60' }
const restartRetryMs = 50
const restartLimitMs = 30_000

/** A PostgreSQL of the fault tests: it may be killed, and started again on its data. */
export class DatabaseServer {
  readonly #cluster: Cluster
  readonly #settings: Readonly<Record<string, string>>
  readonly #folder: ClusterFolder | null
  #server: RunningServer
  #connectionsReceived = 0
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

  /** Connections that the server was asked for, whether or not it gave them. */
  get connectionsReceived(): number {
    return this.#connectionsReceived
  }

  get log(): string {
    return this.#server.log()
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
    const client = new Client({ connectionString: this.url(database) })
    await client.connect()
    try {
      return (await client.query(text)).rows
    } finally {
      await client.end()
    }
  }

  /** Sends a signal to the postmaster and waits until it has ended. */
  async end(signal: 'SIGKILL' | 'SIGQUIT' | 'SIGINT'): Promise<void> {
    process.kill(this.pid, signal)
    await this.#server.process.ended
  }

  /**
   * Starts it again on its data and waits until it takes connections. Processes of a server that was killed may still be
   * there for a moment; until then the data is theirs.
   */
  async start(): Promise<void> {
    const deadline = performance.now() + restartLimitMs
    for (;;) {
      this.#server = await startServer(this.#cluster, this.#settings)
      this.#watch()
      try {
        await this.untilConnectable()
        return
      } catch (error) {
        if (performance.now() > deadline) throw error
        await sleep(restartRetryMs)
      }
    }
  }

  async untilConnectable(): Promise<void> {
    const client = await connect(this.url('postgres'), this.#server)
    await client.end()
  }

  /** A standby that has all that this server has and is told of all that it commits, before a commit is answered. */
  async createStandby(): Promise<DatabaseServer> {
    // A copy of a server that stands still is the simplest base backup; the npm package has no pg_basebackup.
    await this.end('SIGINT')
    const data = join(this.#cluster.data, '..', 'standby')
    await promisify(execFile)('cp', ['-a', this.#cluster.data, data])
    await cp('/dev/null', join(data, 'standby.signal'))
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

  #watch(): void {
    this.#server.process.child.stderr?.on('data', (text: string) => {
      this.#connectionsReceived += text.split('connection received').length - 1
    })
  }
}
