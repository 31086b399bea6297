import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cachedFolder, fingerprint } from './cache.ts'
import { isMissing, messageOf, runCommand } from './command.ts'
import type { Peer } from './peer.ts'
import { rustVersions } from './pinned-versions.ts'

const folder = fileURLToPath(new URL('../../../../deploy/peers/rust', import.meta.url))
const lock = join(folder, 'Cargo.lock')

/** The Rust service, built once for each state of its sources with the crates that its lock names. */
export function rustPeer(packages: readonly string[]): Peer {
  return {
    async provide(say) {
      try {
        const version = await runCommand('cargo', ['--version'])
        const sources = (await readdir(join(folder, 'src'))).sort().map(name => join(folder, 'src', name))
        const files = [join(folder, 'Cargo.toml'), lock, ...sources]
        const built = await cachedFolder(`rust-${fingerprint(files, version)}`, async path => {
          say('building the axum peer, once (some minutes) …')
          await mkdir(path, { recursive: true })
          await runCommand('cargo', ['build', '--quiet', '--release', '--locked', '--target-dir', path], {
            cwd: folder,
          })
        })
        return {
          command: join(built, 'release/axum-peer'),
          args: [],
          cwd: folder,
          readyPath: '/ping/',
          profiler: null,
          versions: rustVersions(lock, /cargo (\S+)/.exec(version)?.[1] ?? 'unknown', packages),
        }
      } catch (error) {
        return {
          unavailable: isMissing(error)
            ? 'Rust (cargo) is not installed'
            : `the axum peer could not be built: ${messageOf(error)}`,
        }
      }
    },
  }
}
