import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cachedFolder, cacheFolder, fingerprint } from './cache.ts'
import { isMissing, messageOf, runCommand } from './command.ts'
import type { Peer } from './peer.ts'
import { goVersions } from './pinned-versions.ts'

const folder = fileURLToPath(new URL('../../../../deploy/peers/gin', import.meta.url))

const packages = ['github.com/gin-gonic/gin', 'github.com/jackc/pgx/v5']

/** The Go service, built once for each state of its sources, with a module cache inside the lab's. */
export const gin: Peer = {
  async provide(say) {
    try {
      const version = await runCommand('go', ['version'])
      const names = (await readdir(folder)).filter(name => /\.go$|^go\./.test(name)).sort()
      const sources = names.map(name => join(folder, name))
      const built = await cachedFolder(`gin-${fingerprint(sources, version)}`, async path => {
        say('building the gin peer, once (about 60 MB of modules) …')
        await mkdir(path, { recursive: true })
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
      return {
        command: join(built, 'gin'),
        args: [],
        cwd: folder,
        env: {},
        profiler: { kind: 'pprof' },
        versions: goVersions(join(folder, 'go.mod'), / go(\S+)/.exec(version)?.[1] ?? 'unknown', packages),
      }
    } catch (error) {
      return {
        unavailable: isMissing(error)
          ? 'Go 1.25 or newer is not installed'
          : `the gin peer could not be built: ${messageOf(error)}`,
      }
    }
  },
}
