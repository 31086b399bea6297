import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { type ServiceUnderTest, start } from '../helpers/service.ts'
import { TcpProxy } from '../helpers/tcp-proxy.ts'
import type { DatabaseServer } from './database-server.ts'
import { type Attempt, Load } from './load.ts'
import { compare, type FoundRow } from './row-ledger.ts'
import { writeRow } from './table.ts'

/** What a fault may take hold of. */
export interface World {
  readonly server: DatabaseServer
  /** The name of the database. */
  readonly database: string
  /** The way from the service to the server. */
  readonly network: TcpProxy
  /** The way from the clients to the service. */
  readonly entrance: TcpProxy
  readonly service: ServiceUnderTest
  readonly load: Load
  /** Runs a statement as superuser in the database, not through the service. */
  sql(text: string): Promise<Record<string, unknown>[]>
}

export interface Fault {
  readonly name: string
  /** Of the service. */
  readonly env?: Readonly<Record<string, string>>
  readonly nodeOptions?: readonly string[]
  /** Whether the service reaches its database through `world.network`. */
  readonly isBehindProxy?: boolean
  /** Whether the clients reach the service through `world.entrance`. */
  readonly isBalanced?: boolean
  /** Brings the fault about. */
  inflict(world: World): Promise<unknown>
  /** How long it stays before `heal`. */
  readonly lastsMs?: number
  /** Takes the fault away; resolves when the service could work again, had it noticed. */
  heal?(world: World): Promise<unknown>
  /** Where the rows are after a failover; by default where they were. */
  serverAfterwards?(): DatabaseServer
  /** Every request is answered with success. */
  readonly isUnnoticed?: boolean
  /** What must be true of this fault besides. */
  check?(result: Result, world: World): Promise<void> | void
}

export interface Result {
  /** How many requests were answered in each way. */
  readonly answers: Readonly<Record<string, number>>
  readonly ratePerS: number
  /** From the end of the fault to the first insert that was acknowledged; 0: they went on all the time. */
  readonly firstInsertMs: number
  /** From the end of the fault to the last answer that was no success. */
  readonly lastFailureMs: number
  /** How long it took to take the fault away, for example to start PostgreSQL. */
  readonly healingMs: number
  /** Connections that the service asked PostgreSQL for, from the beginning of the fault. */
  readonly connectionsAsked: number
}

const settled = { timeout: 30_000, interval: 20 }
/** The service is as before when so many requests in a row have succeeded. */
const successesInARow = 200
const warmUpRequests = 200

/**
 * Inflicts a fault on the service under load and takes it away again. Whatever the fault: what was acknowledged is stored
 * once, what was refused is not stored, and the service comes back by itself.
 */
export function testFault(serverOf: () => DatabaseServer, fault: Fault): void {
  // A row that was lost once is lost: no second try.
  it(fault.name, { retry: 0 }, async () => {
    const world = await createWorld(serverOf(), fault)
    const { load, server } = world
    await expect.poll(() => load.acknowledged, settled).toBeGreaterThan(warmUpRequests)
    expect(failuresOf(load.ended)).toEqual({})

    const after = fault.serverAfterwards?.() ?? server
    const asked = () => server.connectionsAsked + (after === server ? 0 : after.connectionsAsked)
    const askedBefore = asked()
    await fault.inflict(world)
    await sleep(fault.lastsMs ?? 1_500)
    const healingMs = performance.now()
    await fault.heal?.(world)
    const healedMs = performance.now()
    await expect.poll(() => succeedsSince(load, healedMs), settled).toBe(true)
    const ratePerS = (load.attempts.length / (performance.now() - load.startMs)) * 1000
    const connectionsAsked = asked() - askedBefore
    await load.stop()

    const counts = compare(load.attempts, await rowsOf(after, world.database))
    const ended = load.ended.filter(({ endedMs }) => endedMs >= healingMs)
    const result: Result = {
      answers: countAnswers(load.attempts),
      ratePerS: Math.round(ratePerS),
      firstInsertMs: since(healedMs, ended.find(isAcknowledged)),
      lastFailureMs: since(
        healedMs,
        ended.findLast(each => !isAcknowledged(each)),
      ),
      connectionsAsked,
      healingMs: Math.round(healedMs - healingMs),
    }
    console.log(fault.name, { requests: load.attempts.length, ...counts, ...result })
    expect(counts).toMatchObject({ lost: 0, duplicated: 0, storedThoughRefused: 0, torn: 0 })
    expect(counts.found).toBe(counts.acknowledged)
    expect(result.answers).not.toHaveProperty('internal')
    if (fault.isUnnoticed) expect(failuresOf(load.attempts)).toEqual({})
    expect(world.service.log()).not.toContain('request failed')
    if (!fault.isBalanced) await expectIdle(world.service, Number(fault.env?.['WORKERS'] ?? 1))
    await fault.check?.(result, world)
    await writeRow(fault.name, { requests: load.attempts.length, ...counts, ...result })
  })
}

async function createWorld(server: DatabaseServer, fault: Fault): Promise<World> {
  const database = await server.createDatabase()
  const network = await TcpProxy.start(server.url(database))
  const service = await start(
    fault.isBehindProxy ? network.url : server.url(database),
    { ...fault.env },
    fault.nodeOptions,
  )
  const entrance = await TcpProxy.start(service.url)
  const load = new Load(fault.isBalanced ? new URL(entrance.url).origin : service.url)
  onTestFinished(() => load.stop())
  return { server, database, network, entrance, service, load, sql: text => server.query(database, text) }
}

async function rowsOf(server: DatabaseServer, database: string): Promise<FoundRow[]> {
  // A backend that was held up may still have work that its client has given up. One that waits for its client stores
  // nothing.
  const working = `SELECT FROM pg_stat_activity WHERE application_name = 'insertlab'
    AND datname = current_database() AND state = 'active' AND wait_event IS DISTINCT FROM 'ClientRead'`
  await expect.poll(() => server.query(database, working), settled).toEqual([])
  const rows = await server.query(
    database,
    `SELECT 'simple_text' AS table, id, text FROM simple_text UNION ALL SELECT 'tasks', id, title FROM tasks`,
  )
  return rows.map(row => ({ ...row, id: Number(row['id']) }) as FoundRow)
}

/** The service still runs, and no request of before holds a connection or waits for one. */
async function expectIdle({ adminPort, service }: ServiceUnderTest, workers: number): Promise<void> {
  expect(service.child.exitCode).toBe(null)
  const ports = workers === 1 ? [adminPort] : Array.from({ length: workers }, (_, i) => adminPort + 1 + i)
  const held =
    /^(db_client_connection_count\{.*state="used".*|db_client_connection_pending_requests.*) [1-9]/m
  for (const port of ports) {
    const metrics = () => fetch(`http://127.0.0.1:${port}/metrics`).then(answer => answer.text())
    await expect.poll(metrics, settled).not.toMatch(held)
  }
}

const isAcknowledged = ({ outcome }: Attempt) => outcome === 'acknowledged'

function succeedsSince({ ended }: Load, sinceMs: number): boolean {
  const newest = ended.slice(-successesInARow)
  return newest.every(each => isAcknowledged(each) && each.sentMs > sinceMs)
}

function since(startMs: number, attempt: Attempt | undefined): number {
  return attempt === undefined ? 0 : Math.max(0, Math.round(attempt.endedMs - startMs))
}

function countAnswers(attempts: readonly Attempt[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { answer } of attempts) counts[answer] = (counts[answer] ?? 0) + 1
  return counts
}

function failuresOf(attempts: readonly Attempt[]): Record<string, number> {
  return countAnswers(attempts.filter(each => !isAcknowledged(each)))
}
