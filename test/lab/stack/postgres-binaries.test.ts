import { execFile } from 'node:child_process'
import { chown, cp, lstat, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { installedBinaries, prepareBinaries } from '../../../src/lab/stack/postgres-binaries.ts'
import { findUnprivilegedAccount } from '../../../src/lab/stack/unprivileged-account.ts'

const account = await findUnprivilegedAccount()
const asAccount = account === undefined ? {} : { uid: account.uid, gid: account.gid }

let elsewhere: string
let workFolder: string

beforeEach(async () => {
  elsewhere = await mkdtemp(join(tmpdir(), 'binaries-test-'))
  workFolder = await mkdtemp(join(tmpdir(), 'binaries-test-'))
  if (account !== undefined) await chown(workFolder, account.uid, account.gid)
})
afterEach(async () => {
  await rm(elsewhere, { recursive: true, force: true })
  await rm(workFolder, { recursive: true, force: true })
})

/** initdb reads `share`, loads `lib` and runs `bin/postgres`: whoever can run it can run all. */
async function makeCluster(binaries: string): Promise<void> {
  const data = join(workFolder, 'data')
  const args = [
    '-D',
    data,
    '--no-sync',
    '--locale=C',
    '--auth=scram-sha-256',
    `--pwfile=${join(binaries, 'pg-symlinks.json')}`,
  ]
  await promisify(execFile)(join(binaries, 'bin/initdb'), args, { cwd: workFolder, ...asAccount })
}

describe('prepareBinaries', () => {
  it('leaves binaries where they are when they run from there', async () => {
    const native = join(elsewhere, 'native')
    await cp(installedBinaries(), native, { recursive: true, verbatimSymlinks: true })
    if (account !== undefined) await chown(elsewhere, account.uid, account.gid)
    const binaries = await prepareBinaries(native, workFolder, account)
    expect(binaries.folder).toBe(native)
    expect(await readdir(workFolder)).toEqual([])
  })

  it.runIf(account)('copies them out of a folder that only root may enter', async () => {
    const checkout = join(elsewhere, 'private')
    await mkdir(checkout, { mode: 0o700 })
    await cp(installedBinaries(), join(checkout, 'native'), { recursive: true, verbatimSymlinks: true })
    const binaries = await prepareBinaries(join(checkout, 'native'), workFolder, account)
    expect(binaries.folder).toBe(join(workFolder, 'native'))
    await makeCluster(binaries.folder)
  })

  it('makes the library links that a skipped install script left out, and leaves the package alone', async () => {
    const native = join(elsewhere, 'native')
    const isLink = async (path: string) => (await lstat(path)).isSymbolicLink()
    await cp(installedBinaries(), native, { recursive: true, filter: async path => !(await isLink(path)) })
    if (account !== undefined) await chown(elsewhere, account.uid, account.gid)
    const before = await readdir(native, { recursive: true })

    const binaries = await prepareBinaries(native, workFolder, account)
    expect(binaries.folder).toBe(join(workFolder, 'native'))
    await makeCluster(binaries.folder)
    expect(await readdir(native, { recursive: true })).toEqual(before)
  })

  it('says what to do where no binary runs', async () => {
    await mkdir(join(elsewhere, 'native/bin'), { recursive: true })
    await expect(prepareBinaries(join(elsewhere, 'native'), workFolder, account)).rejects.toMatchObject({
      code: 'LAB_NO_POSTGRES_BINARY',
      remedy: expect.stringContaining('DATABASE_URL'),
    })
  })
})

describe('installedBinaries', () => {
  it('names the platform that has none, and the way out', () => {
    expect(() => installedBinaries('plan9-mips')).toThrow(
      expect.objectContaining({
        code: 'LAB_NO_POSTGRES_BINARY',
        message: 'there is no embedded PostgreSQL for plan9-mips',
        remedy: expect.stringContaining('DATABASE_URL'),
      }),
    )
  })
})
