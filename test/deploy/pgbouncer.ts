import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { findFreePort } from '../../src/lab/stack/free-port.ts'
import { keepTail } from '../../src/lab/stack/output-tail.ts'

export interface PgBouncerOptions {
  databaseUrl: string
  poolMode: 'session' | 'transaction'
  /** Connections to PostgreSQL. */
  poolSize: number
  /** Settings of a new connection that it does not refuse, and does not hand on. */
  ignores?: string
}

/** A PgBouncer before a database, ended with the test. @returns the database's URL through it. */
export async function startPgBouncer({
  databaseUrl,
  poolMode,
  poolSize,
  ignores = 'extra_float_digits,options,statement_timeout',
}: PgBouncerOptions): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'insertlab-pgbouncer-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const database = new URL(databaseUrl)
  const port = await findFreePort()
  const config = join(folder, 'pgbouncer.ini')
  await writeFile(
    config,
    `[databases]
* = host=${database.hostname} port=${database.port} user=${database.username} password=${decodeURIComponent(database.password)}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${poolMode}
default_pool_size = ${poolSize}
max_client_conn = 500
ignore_startup_parameters = ${ignores}
`,
  )
  // As root it refuses to run; the account it changes to must read the file.
  const isRoot = process.getuid?.() === 0
  await chmod(folder, 0o755)
  const child = spawn('pgbouncer', [...(isRoot ? ['--user=nobody'] : []), config], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const output = keepTail(child.stderr)
  onTestFinished(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  await expect.poll(() => accepts(port), { message: output() }).toBe(true)
  const url = new URL(databaseUrl)
  url.port = String(port)
  return url.href
}

function accepts(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
