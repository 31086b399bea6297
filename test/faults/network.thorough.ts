import { afterAll, beforeAll, describe, expect } from 'vitest'
import { DatabaseServer } from './database-server.ts'
import { type Fault, testFault } from './fault.ts'

let server: DatabaseServer

beforeAll(async () => {
  server = await DatabaseServer.create()
})
afterAll(() => server.stop())

const test = (fault: Fault) =>
  testFault(() => server, { isBehindProxy: true, env: { REQUEST_DEADLINE_MS: '2000' }, ...fault })

/** After this time the service gives up a connection that does not answer: its deadline and a second more. */
const hangLimitMs = 3_000

describe('the network between service and PostgreSQL', () => {
  test({
    name: 'network cut: connections reset, new ones refused',
    inflict: ({ network }) => network.stop(),
    heal: ({ network }) => network.restart(),
    check({ firstInsertMs, answers }) {
      expect(firstInsertMs).toBeLessThan(2_000)
      expect(answers['database_unavailable']).toBeGreaterThan(100)
    },
  })

  test({
    name: 'network slow: 50 ms more each way',
    inflict: async ({ network }) => network.delay(50),
    lastsMs: 2_500,
    heal: async ({ network }) => network.delay(0),
  })

  test({
    name: 'open flows dropped silently, new ones work',
    inflict: async ({ network }) => network.loseOpen(),
    lastsMs: 0,
    check({ lastFailureMs, answers }) {
      expect(answers['outcome_unknown']).toBeGreaterThan(0)
      expect(lastFailureMs).toBeLessThan(3 * hangLimitMs)
    },
  })

  test({
    name: 'network partition: nothing arrives for 2 s, nobody is told',
    inflict: async ({ network }) => network.loseAll(),
    lastsMs: 2_000,
    heal: async ({ network }) => network.carryNew(),
    check({ lastFailureMs, answers }) {
      expect(answers['outcome_unknown']).toBeGreaterThan(0)
      expect(lastFailureMs).toBeLessThan(3 * hangLimitMs)
    },
  })
})
