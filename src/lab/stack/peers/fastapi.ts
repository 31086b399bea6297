import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cachedFolder, fingerprint } from './cache.ts'
import { messageOf, runCommand } from './command.ts'
import type { Peer, Unavailable } from './peer.ts'

const folder = fileURLToPath(new URL('../../../../deploy/peers/fastapi', import.meta.url))
const locks = [join(folder, 'requirements.txt'), join(folder, 'profiler.txt')]

/**
 * One of the Python applications in `deploy/peers/fastapi`, in a virtual environment of the lab's cache with
 * exactly the packages that its lock names, by their hashes.
 */
export function fastapi(app: 'report' | 'tuned' | 'blocking'): Peer {
  return {
    async provide(say) {
      const environment = await virtualEnvironment(say)
      if (typeof environment !== 'string') return environment
      return {
        command: join(environment, 'bin/python'),
        args: ['server.py'],
        cwd: folder,
        env: { APP: app, PYTHONDONTWRITEBYTECODE: '1' },
        profiler: { kind: 'py-spy', command: join(environment, 'bin/py-spy') },
      }
    },
  }
}

let made: Promise<string | Unavailable> | undefined

function virtualEnvironment(say: (line: string) => void): Promise<string | Unavailable> {
  made ??= makeEnvironment(say)
  return made
}

const wanted = '3.11 or newer, with the module venv'

async function makeEnvironment(say: (line: string) => void): Promise<string | Unavailable> {
  const python = await findPython()
  if (python === null) return { unavailable: `Python ${wanted}, is not installed` }
  try {
    return await cachedFolder(`python-${fingerprint(locks, python)}`, async path => {
      say('getting the packages of the FastAPI peer, once (about 40 MB) …')
      await runCommand('python3', ['-m', 'venv', path])
      const requirements = locks.flatMap(lock => ['--requirement', lock])
      await runCommand(join(path, 'bin/python'), [
        ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input'],
        ...['--require-hashes', '--only-binary', ':all:', ...requirements],
      ])
    })
  } catch (error) {
    return { unavailable: `the packages of the FastAPI peer could not be installed: ${messageOf(error)}` }
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
