import { afterAll, beforeAll, expect } from 'vitest'
import { DatabaseServer } from './database-server.ts'
import { testFault } from './fault.ts'

let primary: DatabaseServer
let standby: DatabaseServer

beforeAll(async () => {
  primary = await DatabaseServer.create()
  standby = await primary.createStandby()
})
afterAll(async () => {
  await standby.stop()
  await primary.stop()
})

/**
 * node-postgres takes one host and knows no `target_session_attrs`, so something else must point to the primary: a
 * proxy, as here, a DNS name or the Service of an operator. Replication is synchronous: without that, rows that were
 * acknowledged may be lost with the primary, whatever the service does.
 */
testFault(() => primary, {
  name: 'failover: primary killed (SIGKILL), standby promoted',
  isBehindProxy: true,
  async inflict({ network, database }) {
    await primary.end('SIGKILL')
    network.switchTo(standby.url(database))
    network.cut()
  },
  lastsMs: 1_000,
  heal: () => standby.promote(),
  serverAfterwards: () => standby,
  check({ firstInsertMs, answers }) {
    expect(firstInsertMs).toBeLessThan(2_000)
    // Until it is promoted.
    expect(answers['database_read_only']).toBeGreaterThan(10)
  },
})
