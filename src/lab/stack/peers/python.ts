import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { messageOf } from '../../errors.ts'
import { cachedFolder, fingerprint } from './cache.ts'
import { runCommand } from './command.ts'
import type { Peer, Unavailable } from './peer.ts'
import { pinnedVersions } from './pinned-versions.ts'

const peersFolder = fileURLToPath(new URL('../../../../deploy/peers', import.meta.url))

/** How one application of a folder is started. */
export interface PythonApp {
  /** After the interpreter. */
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly readyPath?: string
  /** It serves requests on threads; otherwise on one event loop. */
  readonly threads?: boolean
  /** Those whose versions are told. */
  readonly packages: readonly string[]
}

/**
 * Gives the peers of a folder of Python applications. They share a virtual environment in the lab's cache with exactly the
 * packages that the folder's locks name, by their hashes.
 *
 * @param locks files in the format of requirements.txt; `requirements.txt` has the packages of the applications
 */
export function pythonPeers(folderName: string, locks: readonly string[]) {
  const folder = join(peersFolder, folderName)
  const files = locks.map(lock => join(folder, lock))
  let made: Promise<Environment | Unavailable> | undefined
  return ({ args, env = {}, readyPath, threads = false, packages }: PythonApp): Peer =>
    async say => {
      made ??= makeEnvironment(folderName, files, say)
      const environment = await made
      if ('unavailable' in environment) return environment
      const { bin, python } = environment
      return {
        command: join(bin, 'python'),
        args,
        cwd: folder,
        env: { PYTHONDONTWRITEBYTECODE: '1', ...env },
        ...(readyPath !== undefined && { readyPath }),
        profilerOf: ({ pid }) => ({ kind: 'py-spy', command: join(bin, 'py-spy'), pid, threads }),
        versions: pinnedVersions(`Python ${python}`, folder, 'requirements.txt', packages),
      }
    }
}

interface Environment {
  readonly bin: string
  readonly python: string
}

const wanted = '3.11 or newer, with the module venv'

async function makeEnvironment(
  folderName: string,
  files: readonly string[],
  say: (line: string) => void,
): Promise<Environment | Unavailable> {
  const found = await findPython()
  if (found === null) return { unavailable: `Python ${wanted}, is not installed` }
  try {
    const path = await cachedFolder(`python-${fingerprint(files, found)}`, async unfinished => {
      say(`getting the packages of the Python peers in ${folderName}, once (about 40 MB) …`)
      await runCommand('python3', ['-m', 'venv', unfinished])
      const requirements = files.flatMap(file => ['--requirement', file])
      await runCommand(join(unfinished, 'bin/python'), [
        ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input'],
        ...['--require-hashes', '--only-binary', ':all:', ...requirements],
      ])
    })
    return { bin: join(path, 'bin'), python: / (\d+\.\d+\.\d+)/.exec(found)?.[1] ?? 'unknown' }
  } catch (error) {
    return { unavailable: `the packages of the Python peers could not be installed: ${messageOf(error)}` }
  }
}

/** Version and path of a suitable interpreter; null where there is none. */
async function findPython(): Promise<string | null> {
  const script =
    'import sys, venv, ensurepip; print(sys.executable, sys.version); sys.exit(sys.version_info < (3, 11))'
  try {
    return await runCommand('python3', ['-c', script])
  } catch {
    return null
  }
}
