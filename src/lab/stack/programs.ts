import { fileURLToPath } from 'node:url'
import { LabError } from '../errors.ts'
import type { PeerLaunch, Unavailable } from './peers/peer.ts'
import { type PeerName, peerOf } from './peers/peers.ts'
import { nodeRuntime, pinnedVersions } from './peers/pinned-versions.ts'
import { type ServiceOptions, type ServiceProcess, startService } from './service-process.ts'

export interface Program extends Omit<ServiceProcess, 'adminUrl'> {
  /** null: a peer has none that answers as ours does. */
  readonly adminUrl: string | null
  readonly profiler: Profiler | null
  /** What it runs on; null: it does not say. */
  readonly versions: string | null
}

/** How a target's CPU can be profiled: through its admin port (V8, Go), Node's inspector, or from outside (Python). */
export type Profiler =
  | { readonly kind: 'v8'; readonly adminUrl: string }
  | { readonly kind: 'pprof'; readonly adminUrl: string }
  | { readonly kind: 'inspector'; readonly pid: () => Promise<number | null> }
  | {
      readonly kind: 'py-spy'
      readonly command: string
      readonly pid: number
      /** It serves requests on threads, most of which wait. */
      readonly threads?: boolean
    }

/** Starts the service of this repository, or a peer instead, in the same way. */
export function createPrograms() {
  const provided = new Map<PeerName, Promise<PeerLaunch | Unavailable>>()
  const provide = (program: PeerName, say: (line: string) => void) => {
    const known = provided.get(program) ?? peerOf(program)(say)
    provided.set(program, known)
    return known
  }
  const migrated = new Set<string>()
  /** A peer finds its tables there, as our service's migrations make them. */
  const migrate = async (databaseUrl: string) => {
    if (migrated.has(databaseUrl)) return
    const own = await startService({ databaseUrl })
    await own.stop()
    migrated.add(databaseUrl)
  }
  return {
    /**
     * Installs what a peer needs, which may take minutes the first time.
     *
     * @returns why it cannot run here, or null
     */
    async unavailableBecause(
      program: PeerName | undefined,
      say: (line: string) => void,
    ): Promise<string | null> {
      if (program === undefined) return null
      const found = await provide(program, say)
      return 'unavailable' in found ? found.unavailable : null
    },
    async start(program: PeerName | undefined, options: ServiceOptions): Promise<Program> {
      if (program === undefined) {
        const own = await startService(options)
        return { ...own, profiler: { kind: 'v8', adminUrl: own.adminUrl }, versions: ownVersions() }
      }
      const found = await provide(program, () => {})
      if ('unavailable' in found) {
        throw new LabError(
          'LAB_SERVICE_START',
          `${program} cannot run here: ${found.unavailable}`,
          'Leave it out.',
        )
      }
      await migrate(options.databaseUrl)
      const peer = await startService({
        ...options,
        launch: found,
        ...(found.readyPath !== undefined && { readyPath: found.readyPath }),
      })
      const pid = (await found.pidOf?.(peer)) ?? peer.pid
      return {
        ...peer,
        pid,
        adminUrl: null,
        profiler: found.profilerOf?.(peer) ?? null,
        versions: found.versions ?? null,
      }
    },
  }
}

function ownVersions(): string {
  const folder = fileURLToPath(new URL('../../..', import.meta.url))
  return pinnedVersions(nodeRuntime, folder, 'package.json', ['fastify', 'pg'])
}
