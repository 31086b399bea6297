import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cachedFolder, cacheFolder, fingerprint } from './cache.ts'
import { runCommand } from './command.ts'
import { builtPeer } from './peer.ts'
import { pinnedVersions } from './pinned-versions.ts'

const folder = fileURLToPath(new URL('../../../../deploy/peers/gin', import.meta.url))
const outcomes = {
  missing: 'Go 1.25 or newer is not installed',
  failed: 'the gin peer could not be built',
}

/** The Go service, built once for each state of its sources, with a module cache inside the lab's. */
export const gin = builtPeer(outcomes, async say => {
  const version = await runCommand('go', ['version'])
  const names = (await readdir(folder)).filter(name => /\.go$|^go\./.test(name)).sort()
  const sources = names.map(name => join(folder, name))
  const built = await cachedFolder(`gin-${fingerprint(sources, version)}`, async path => {
    say('building the gin peer, once (about 60 MB of modules) …')
    // go.sum holds the hashes; -mod=readonly refuses what it does not list. -modcacherw: so that the
    // cache can be removed like any folder.
    await runCommand('go', ['build', '-trimpath', '-mod=readonly', '-modcacherw', '-o', path, '.'], {
      cwd: folder,
      env: {
        GOMODCACHE: join(cacheFolder(), 'go-modules'),
        GOTOOLCHAIN: 'local',
        GOWORK: 'off',
        CGO_ENABLED: '0',
      },
    })
  })
  const runtime = `Go ${/ go(\S+)/.exec(version)?.[1] ?? 'unknown'}`
  return {
    command: join(built, 'gin'),
    args: [],
    cwd: folder,
    profilerOf: ({ adminUrl }) => ({ kind: 'pprof', adminUrl }),
    versions: pinnedVersions(runtime, folder, 'go.mod', ['gin', 'pgx']),
  }
})
