import { execFile, execFileSync } from 'node:child_process'
import { appendFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { createGuardedFolder, removeGuardedFolder } from '../../src/lab/stack/janitor.ts'
import { findUnprivilegedAccount } from '../../src/lab/stack/unprivileged-account.ts'
import { DatabaseServer } from './database-server.ts'
import { testFault } from './fault.ts'

const run = promisify(execFile)

/** A small file system in memory, for PostgreSQL. */
class SmallDisk {
  readonly folder: string
  readonly #filler: string

  private constructor(folder: string) {
    this.folder = folder
    this.#filler = join(folder, 'filler')
  }

  static async mount(size: string): Promise<SmallDisk> {
    const folder = createGuardedFolder('/tmp')
    const account = await findUnprivilegedAccount()
    const owner = account === undefined ? '' : `,uid=${account.uid},gid=${account.gid}`
    await run('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700${owner}`, 'tmpfs', folder])
    return new SmallDisk(folder)
  }

  async fill(): Promise<void> {
    const chunk = Buffer.alloc(64 * 1024)
    try {
      for (;;) await appendFile(this.#filler, chunk)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }

  free(): Promise<void> {
    return rm(this.#filler)
  }

  async unmount(): Promise<void> {
    await run('umount', [this.folder])
    await removeGuardedFolder(this.folder)
  }
}

function canMount(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' })
    return true
  } catch {
    console.warn('skipped: a full disk needs the right to mount a file system')
    return false
  }
}

describe.skipIf(!canMount())('a full disk', () => {
  describe('of the tables', () => {
    let disk: SmallDisk
    let server: DatabaseServer
    beforeAll(async () => {
      disk = await SmallDisk.mount('64m')
      server = await DatabaseServer.create()
      await server.query('postgres', `CREATE TABLESPACE small LOCATION '${disk.folder}'`)
      await server.query('postgres', `ALTER SYSTEM SET default_tablespace = 'small'`)
      await server.query('postgres', 'SELECT pg_reload_conf()')
    })
    afterAll(async () => {
      await server.stop()
      await disk.unmount()
    })

    testFault(() => server, {
      name: 'disk of the tables full',
      inflict: () => disk.fill(),
      lastsMs: 2_500,
      heal: () => disk.free(),
      check({ answers, connectionsAsked }) {
        expect(answers['database_unavailable']).toBeGreaterThan(100)
        // The connections are as good as before.
        expect(connectionsAsked).toBeLessThan(40)
      },
    })
  })

  describe('of the WAL', () => {
    let disk: SmallDisk
    let server: DatabaseServer
    beforeAll(async () => {
      disk = await SmallDisk.mount('64m')
      server = await DatabaseServer.create({
        initdb: ['--waldir', join(disk.folder, 'wal'), '--wal-segsize', '1'],
        // No checkpoint frees space meanwhile.
        settings: { min_wal_size: '2MB', max_wal_size: '1GB' },
      })
    })
    afterAll(async () => {
      await server.stop()
      await disk.unmount()
    })

    testFault(() => server, {
      name: 'disk of the WAL full, so PostgreSQL crashes',
      async inflict({ sql }) {
        await disk.fill()
        // Segments that are there already are skipped, and most of the last one is used; the inserts do the rest.
        const skipSegment = `SELECT pg_switch_wal() WHERE EXISTS
          (SELECT FROM pg_ls_waldir() WHERE name > pg_walfile_name(pg_current_wal_insert_lsn()))`
        while ((await sql(skipSegment)).length > 0);
        await sql(`SELECT pg_logical_emit_message(false, 'test',
          repeat('x', (0.8 * (1048576 - (pg_current_wal_insert_lsn() - '0/0') % 1048576))::int))`)
        await expect.poll(() => server.hasEnded, { timeout: 30_000 }).toBe(true)
      },
      async heal() {
        await disk.free()
        await server.start()
      },
      check: ({ answers }) => expect(answers['database_unavailable']).toBeGreaterThan(100),
    })
  })
})
