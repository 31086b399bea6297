import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cachedFolder, fingerprint } from './cache.ts'
import { runCommand } from './command.ts'
import { builtPeer, type Peer } from './peer.ts'
import { pinnedVersions } from './pinned-versions.ts'

const folder = fileURLToPath(new URL('../../../../deploy/peers/rust', import.meta.url))
const outcomes = {
  missing: 'Rust (cargo) is not installed',
  failed: 'the axum peer could not be built',
}

/** The Rust service, built once for each state of its sources with the crates that its lock names. */
export function rustPeer(packages: readonly string[]): Peer {
  return builtPeer(outcomes, async say => {
    const version = await runCommand('cargo', ['--version'])
    const sources = (await readdir(join(folder, 'src'))).sort().map(name => join('src', name))
    const files = ['Cargo.toml', 'Cargo.lock', ...sources].map(file => join(folder, file))
    const built = await cachedFolder(`rust-${fingerprint(files, version)}`, async path => {
      say('building the axum peer, once (some minutes) …')
      const args = ['build', '--quiet', '--release', '--locked', '--target-dir', path]
      await runCommand('cargo', args, { cwd: folder })
    })
    const runtime = `Rust ${/cargo (\S+)/.exec(version)?.[1] ?? 'unknown'}`
    return {
      command: join(built, 'release/axum-peer'),
      args: [],
      cwd: folder,
      readyPath: '/ping/',
      versions: pinnedVersions(runtime, folder, 'Cargo.lock', packages),
    }
  })
}
