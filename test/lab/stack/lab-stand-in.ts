import { addAbortListener } from 'node:events'
import { startPostgres } from '../../../src/lab/stack/embedded-postgres.ts'
import { interruption } from '../../../src/lab/stack/interruption.ts'
import { spawnGuarded } from '../../../src/lab/stack/janitor.ts'

/**
 * A lab reduced to what it leaves behind: it starts PostgreSQL and a program that refuses SIGTERM, prints
 * `ready`, and on Ctrl-C stops only PostgreSQL, so that a test can tell its own work from the janitor's.
 */
const interrupted = interruption()
const server = await startPostgres()
await spawnGuarded('sh', ['-c', 'trap "" TERM; while :; do sleep 0.2; done'], {
  graceMs: 200,
  stdio: 'ignore',
})
addAbortListener(interrupted, async () => {
  await server.stop()
  process.exit(0)
})
console.log('ready')
setInterval(() => {}, 1_000)
