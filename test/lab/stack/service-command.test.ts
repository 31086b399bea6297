import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findFreePort } from '../../../src/lab/stack/free-port.ts'
import { keepTail } from '../../../src/lab/stack/output-tail.ts'
import { createDatabase } from '../../helpers/database.ts'
import { expectGone, processTree } from '../../helpers/processes.ts'

const module = new URL('../../../src/lab/stack/service-command.ts', import.meta.url)
const script = `
  const { runServiceCommand } = await import('${module}')
  try { process.exitCode = await runServiceCommand() }
  catch (error) { console.error(error.message); process.exitCode = error.exitCode }
`

let temporary: string
let port: number
let started: ChildProcess[]

beforeEach(async () => {
  temporary = mkdtempSync(join(tmpdir(), 'service-command-test-'))
  chmodSync(temporary, 0o755)
  port = await findFreePort()
  started = []
})
afterEach(() => {
  for (const child of started) child.kill('SIGKILL')
  rmSync(temporary, { recursive: true, force: true })
})

async function run(env: Record<string, string> = {}) {
  const { DATABASE_URL, PGHOST, ...inherited } = process.env
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: {
      ...inherited,
      TMPDIR: temporary,
      PORT: String(port),
      ADMIN_PORT: String(await findFreePort()),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(child)
  const { pid } = child
  if (pid === undefined) throw new Error('the command was not started')
  const ended = once(child, 'close').then(([code]) => code)
  return { pid, ended, output: keepTail(child.stdout), errors: keepTail(child.stderr) }
}

describe('npm run service', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('runs on a PostgreSQL of its own until %s', async signal => {
    const command = await run()
    await expect.poll(command.output).toContain('Ctrl-C stops it.')
    expect(command.output()).toContain(`service   http://127.0.0.1:${port}\n`)
    expect(command.output()).toMatch(/^database {2}postgresql:\/\/.*PostgreSQL 18/m)
    const inserted = await fetch(`http://127.0.0.1:${port}/test-insert`)
    expect(inserted.status).toBe(200)

    const pids = await processTree(command.pid)
    expect(pids.length).toBeGreaterThan(6)
    process.kill(command.pid, signal)
    expect(await command.ended).toBe(0)
    await expectGone(pids)
    expect(readdirSync(temporary)).toEqual([])
  })

  it('uses the database that DATABASE_URL names', async () => {
    const database = await createDatabase()
    const command = await run({ DATABASE_URL: database.url })
    await expect.poll(command.output).toContain('database  as DATABASE_URL says')
    process.kill(command.pid, 'SIGINT')
    expect(await command.ended).toBe(0)
    await database.drop()
  })

  it("shows the service's own complaint and leaves nothing behind when it does not start", async () => {
    const command = await run({ PORT: 'abc' })
    expect(await command.ended).toBe(1)
    expect(command.errors()).toMatch(/^[^\n]*PORT[^\n]*\n$/)
    await expect.poll(() => readdirSync(temporary)).toEqual([])
  })

  it('does not take another server on its port for the service', async () => {
    const other = createServer().listen(port, '127.0.0.1')
    await once(other, 'listening')
    const command = await run()
    expect(await command.ended).toBe(3)
    expect(command.errors()).toBe(`port ${port} of 127.0.0.1 is already in use\n`)
    other.close()
  })
})
