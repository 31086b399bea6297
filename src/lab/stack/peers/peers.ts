import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { containerised } from './container.ts'
import { gin } from './gin.ts'
import { insertStacks } from './insert-stacks.ts'
import { nodePeer } from './node.ts'
import { nodeProfiler, type Peer } from './peer.ts'
import { nodeRuntime, pinnedVersions } from './pinned-versions.ts'
import { pythonPeers } from './python.ts'
import { rustPeer } from './rust.ts'

const repository = fileURLToPath(new URL('../../../..', import.meta.url))

/** Needs only the packages of this repository. */
const bareFastify: Peer = () =>
  Promise.resolve({
    command: process.execPath,
    args: ['server.ts'],
    cwd: join(repository, 'deploy/peers/bare-fastify'),
    profilerOf: nodeProfiler,
    versions: pinnedVersions(nodeRuntime, repository, 'package.json', ['fastify', 'pg']),
  })

const inFastapi = pythonPeers('fastapi', ['requirements.txt', 'profiler.txt'])

/** One of the services of the reports in `deploy/peers/fastapi`. */
function fastapi(app: 'report' | 'tuned' | 'blocking', ...packages: readonly string[]): Peer {
  return inFastapi({ args: ['server.py'], env: { APP: app }, packages: ['fastapi', ...packages] })
}

/** Peers with a way of their own to be started. */
const named = {
  fastapi: fastapi('report', 'sqlalchemy', 'asyncpg'),
  'fastapi-tuned': fastapi('tuned', 'asyncpg', 'orjson'),
  'fastapi-blocking': fastapi('blocking', 'sqlalchemy', 'psycopg'),
  gin,
  'bare-fastify': bareFastify,
  'bare-fastify in a container': containerised('published'),
  'bare-fastify in a container, host network': containerised('host'),
} as const satisfies Record<string, Peer>

const inPython = pythonPeers('python', ['requirements.txt'])

/** How one of many applications in a folder of `deploy/peers` is started, by its file and the packages to tell of. */
const launchers = {
  node: nodePeer,
  python: (file, packages) => inPython({ args: [`${file}.py`], readyPath: '/ping/', packages }),
  gunicorn: (_, packages) =>
    inPython({ args: ['-m', 'gunicorn'], readyPath: '/ping/', threads: true, packages }),
  rust: (_, packages) => rustPeer(packages),
} as const satisfies Record<string, (file: string, packages: readonly string[]) => Peer>

type Launcher = keyof typeof launchers

/** What a step's `program` names: a peer, or a launcher and the file that it starts, such as `node/drizzle`. */
export type PeerName = keyof typeof named | `${Launcher}/${string}`

export function peerOf(name: PeerName): Peer {
  if (isNamed(name)) return named[name]
  const [launcher = '', file = ''] = name.split('/')
  if (!isLauncher(launcher)) throw new Error(`there is no peer ${name}`)
  const stack = insertStacks.find(({ program }) => program === name)
  return launchers[launcher](file, stack?.packages ?? [])
}

function isNamed(name: string): name is keyof typeof named {
  return name in named
}

function isLauncher(name: string): name is Launcher {
  return name in launchers
}
