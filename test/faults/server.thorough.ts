import { afterAll, beforeAll, describe, expect } from 'vitest'
import { DatabaseServer } from './database-server.ts'
import { type Result, testFault } from './fault.ts'

let server: DatabaseServer

beforeAll(async () => {
  server = await DatabaseServer.create()
})
afterAll(() => server.stop())

/** The bar: an insert succeeds within two seconds after PostgreSQL takes connections. */
function checkRestart({ firstInsertMs, connectionsAsked }: Result): void {
  expect(firstInsertMs).toBeLessThan(2_000)
  expect(connectionsAsked).toBeLessThan(100)
}

describe('a restart of PostgreSQL', () => {
  for (const [how, signal] of [
    ['killed (SIGKILL)', 'SIGKILL'],
    ['immediate shutdown (SIGQUIT)', 'SIGQUIT'],
    ['fast shutdown (SIGINT)', 'SIGINT'],
  ] as const) {
    testFault(() => server, {
      name: `PostgreSQL: ${how}, started again`,
      inflict: () => server.end(signal),
      heal: () => server.start(),
      check: checkRestart,
    })
  }
})
