import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { DatabaseServer } from './database-server.ts'
import { type Fault, type Result, testFault, type World } from './fault.ts'

let server: DatabaseServer

beforeAll(async () => {
  server = await DatabaseServer.create()
})
afterAll(() => server.stop())

/** So that what PostgreSQL does not answer is given up soon. */
const impatient = { REQUEST_DEADLINE_MS: '2000' }
const test = (fault: Fault) => testFault(() => server, { ...fault, env: { ...impatient, ...fault.env } })

/** The process of PostgreSQL that has worked for the service last. */
async function busyBackend({ sql }: World): Promise<number> {
  const [row] = await sql(
    `SELECT pid FROM pg_stat_activity
     WHERE application_name = 'insertlab' AND datname = current_database() ORDER BY state_change DESC LIMIT 1`,
  )
  return Number(row?.['pid'])
}

/** A process of PostgreSQL in which an insert of texts waits, while their table is locked. */
async function waitingBackend({ sql }: World): Promise<number> {
  // An insert by COPY is in a transaction: it is known that nothing of it is stored.
  const waiting = () =>
    sql(
      `SELECT pid FROM pg_stat_activity WHERE application_name = 'insertlab' AND datname = current_database()
       AND wait_event_type = 'Lock' AND query NOT LIKE 'COPY%' LIMIT 1`,
    )
  await expect.poll(waiting, { timeout: 30_000, interval: 20 }).toHaveLength(1)
  const [row] = await waiting()
  return Number(row?.['pid'])
}

const poolSize = 20

/**
 * An insert succeeds within two seconds after PostgreSQL takes connections. The service fills its pool once; before, it
 * asked ten times a second, and not as often as requests came.
 */
function checkReconnection({ firstInsertMs, connectionsAsked, healingMs }: Result): void {
  expect(firstInsertMs).toBeLessThan(2_000)
  expect(connectionsAsked).toBeLessThan(2 * poolSize + healingMs / 100)
}

describe('a restart of PostgreSQL', () => {
  for (const [how, signal] of [
    ['killed (SIGKILL)', 'SIGKILL'],
    ['immediate shutdown (SIGQUIT)', 'SIGQUIT'],
    ['fast shutdown (SIGINT)', 'SIGINT'],
  ] as const) {
    test({
      name: `PostgreSQL: ${how}, started again`,
      inflict: () => server.end(signal),
      heal: () => server.start(),
      check: checkReconnection,
    })
  }

  test({
    name: 'PostgreSQL: a backend killed (SIGKILL), so it resets itself',
    async inflict(world) {
      const other = await server.connect(world.database)
      const otherEnded = new Promise<void>(resolve => other.once('end', () => resolve()))
      process.kill(await busyBackend(world), 'SIGKILL')
      // Until PostgreSQL has seen that the backend is gone, it still takes connections. Then it ends all of them.
      await otherEnded
    },
    lastsMs: 0,
    heal: () => server.untilConnectable(),
    check: checkReconnection,
  })
})

describe('a backend', () => {
  test({
    name: 'pg_terminate_backend, one at random each 100 ms',
    async inflict({ sql }) {
      for (let i = 0; i < 20; i++) {
        await sql(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE application_name = 'insertlab' AND datname = current_database() ORDER BY random() LIMIT 1`,
        )
        await sleep(100)
      }
    },
    lastsMs: 0,
  })

  let stopped: number
  test({
    name: 'SIGSTOP of a backend for 4 s',
    async inflict(world) {
      const tableLock = await server.lock(world.database, 'simple_text')
      stopped = await waitingBackend(world)
      process.kill(stopped, 'SIGSTOP')
      await tableLock.end()
    },
    lastsMs: 4_000,
    heal: async () => process.kill(stopped, 'SIGCONT'),
    check: ({ answers }) => expect(answers['outcome_unknown']).toBeGreaterThan(0),
  })
})

describe('a limit', () => {
  const setReadOnly = async ({ sql }: World, to: string) => {
    await sql(`ALTER SYSTEM SET default_transaction_read_only = ${to}`)
    await sql('SELECT pg_reload_conf()')
  }
  test({
    name: 'database read-only',
    inflict: world => setReadOnly(world, 'on'),
    heal: world => setReadOnly(world, 'off'),
    check({ answers, connectionsAsked }) {
      expect(answers['database_read_only']).toBeGreaterThan(100)
      // Each connection is replaced about once a second, and not at each request.
      expect(connectionsAsked).toBeLessThan(5 * poolSize)
    },
  })

  let lock: Client
  const lockTables = async ({ database }: World) => {
    lock = await server.lock(database, 'simple_text', 'tasks')
  }
  test({
    name: 'tables locked, statement_timeout passes',
    inflict: lockTables,
    lastsMs: 3_500,
    heal: () => lock.end(),
    check: ({ answers }) => expect(answers['deadline_exceeded']).toBeGreaterThan(100),
  })

  test({
    name: 'tables locked, lock_timeout passes',
    env: { PGOPTIONS: '-c lock_timeout=200ms' },
    inflict: lockTables,
    heal: () => lock.end(),
    check({ answers, connectionsAsked }) {
      expect(answers['database_unavailable']).toBeGreaterThan(100)
      expect(connectionsAsked).toBeLessThan(2 * poolSize)
    },
  })

  test({
    name: 'pool of 2 exhausted by slow inserts, queue full',
    env: { POOL_SIZE: '2', QUEUE_LIMIT: '200' },
    async inflict({ sql }) {
      await sql(`
        CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          PERFORM pg_sleep(0.03);
          RETURN NEW;
        END $$;
        CREATE TRIGGER take_time BEFORE INSERT ON simple_text FOR EACH ROW EXECUTE FUNCTION take_time()`)
    },
    lastsMs: 2_500,
    heal: ({ sql }) => sql('DROP TRIGGER take_time ON simple_text'),
    check: ({ answers }) => expect(answers['overloaded']).toBeGreaterThan(100),
  })

  const others: Client[] = []
  test({
    name: 'max_connections taken by others',
    async inflict({ database }) {
      const first = await server.connect(database)
      others.push(first)
      // Whatever the service loses goes to the others. It may get one back meanwhile.
      for (let timesWithout = 0; timesWithout < 10; ) {
        const ended = await first.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'insertlab'`,
        )
        timesWithout = ended.rowCount === 0 ? timesWithout + 1 : 0
        await takeAll(database, others)
        await sleep(20)
      }
    },
    heal: () => Promise.all(others.map(other => other.end())),
    check: ({ answers }) => expect(answers['database_unavailable']).toBeGreaterThan(100),
  })
})

/** Connects until PostgreSQL gives no more. */
async function takeAll(database: string, taken: Client[]): Promise<void> {
  for (;;) {
    try {
      taken.push(await server.connect(database))
    } catch {
      return
    }
  }
}
