import { LabError } from '../errors.ts'
import type { Profiler } from '../probes/profiler.ts'
import type { Lack, PeerLaunch } from './peers/peer.ts'
import { type PeerName, peers } from './peers/peers.ts'
import { type ServiceOptions, type ServiceProcess, startService } from './service-process.ts'

/** Starts the service of this repository, or a peer in its place, on the same terms. */
export interface Programs {
  /**
   * Gets what a peer runs on, which may take minutes the first time and is said.
   *
   * @returns why it cannot run here, or null
   */
  lackOf(program: PeerName | undefined, say: (line: string) => void): Promise<string | null>
  start(program: PeerName | undefined, options: ServiceOptions): Promise<Program>
}

export interface Program extends Omit<ServiceProcess, 'adminUrl'> {
  /** null: a peer has none that answers as ours does. */
  readonly adminUrl: string | null
  readonly profiler: Profiler | null
}

export function createPrograms(): Programs {
  const provided = new Map<PeerName, Promise<PeerLaunch | Lack>>()
  const provide = (program: PeerName, say: (line: string) => void) => {
    const known = provided.get(program) ?? peers[program].provide(say)
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
    async lackOf(program, say) {
      if (program === undefined) return null
      const found = await provide(program, say)
      return 'lack' in found ? found.lack : null
    },
    async start(program, options) {
      if (program === undefined) {
        const own = await startService(options)
        return { ...own, profiler: { kind: 'v8', adminUrl: own.adminUrl } }
      }
      const found = await provide(program, () => {})
      if ('lack' in found) {
        throw new LabError('LAB_SERVICE_START', `${program} cannot run here: ${found.lack}`, 'Leave it out.')
      }
      await migrate(options.databaseUrl)
      const peer = await startService({ ...options, launch: found })
      const pid = (await found.pidOf?.({ PORT: new URL(peer.url).port })) ?? peer.pid
      return { ...peer, pid, adminUrl: null, profiler: profilerOf(found, peer) }
    },
  }
}

function profilerOf({ profiler }: PeerLaunch, { adminUrl, pid }: ServiceProcess): Profiler | null {
  if (profiler === null) return null
  return profiler.kind === 'pprof' ? { kind: 'pprof', adminUrl } : { ...profiler, pid }
}
