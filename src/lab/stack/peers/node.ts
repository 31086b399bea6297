import { cp, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cachedFolder, fingerprint } from './cache.ts'
import { runCommand } from './command.ts'
import { builtPeer, nodeProfiler, type Peer } from './peer.ts'
import { nodeRuntime, pinnedVersions } from './pinned-versions.ts'

const folder = fileURLToPath(new URL('../../../../deploy/peers/node', import.meta.url))
const outcomes = {
  missing: 'npm is not on the PATH',
  failed: 'the packages of the Node peers could not be installed',
}
const files = ['package.json', 'package-lock.json', 'schema.prisma'].map(file => join(folder, file))

/**
 * One of the applications in `deploy/peers/node`, next to exactly the packages that its lock names. Packages and
 * applications are in the lab's cache, because Node looks for packages next to the file that imports them.
 */
export function nodePeer(app: string, packages: readonly string[]): Peer {
  return builtPeer(outcomes, async say => {
    const installed = `node-${fingerprint(files, process.version)}`
    await cachedFolder(installed, path => install(path, say))
    const names = (await readdir(folder)).filter(name => name.endsWith('.js')).sort()
    const sources = names.map(name => join(folder, name))
    // Below the packages, so that an edit of an application does not install them again.
    const apps = await cachedFolder(`${installed}/apps-${fingerprint(sources)}`, async path => {
      for (const source of sources) await cp(source, join(path, basename(source)))
      await cp(join(path, '../generated'), join(path, 'generated'), { recursive: true })
    })
    return {
      command: process.execPath,
      args: [`${app}.js`],
      cwd: apps,
      env: { NODE_ENV: 'production' },
      readyPath: '/ping/',
      profilerOf: nodeProfiler,
      versions: pinnedVersions(nodeRuntime, folder, 'package.json', packages),
    }
  })
}

async function install(path: string, say: (line: string) => void): Promise<void> {
  say('getting the packages of the Node peers, once (about 300 MB) …')
  for (const file of files) await cp(file, join(path, basename(file)))
  await runCommand('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: path })
  // The client needs no engine. The command looks for one all the same, and would download it.
  await runCommand(
    process.execPath,
    [join(path, 'node_modules/prisma/build/index.js'), 'generate', '--schema', join(path, 'schema.prisma')],
    { cwd: path, env: { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' } },
  )
}
