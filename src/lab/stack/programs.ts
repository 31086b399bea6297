import { LabError } from '../errors.ts'
import type { Lack } from './peers/peer.ts'
import { type PeerName, peers } from './peers/peers.ts'
import { type Launch, type ServiceOptions, type ServiceProcess, startService } from './service-process.ts'

/** Starts the service of this repository, or a peer in its place, on the same terms. */
export interface Programs {
  /**
   * Gets what a peer runs on, which may take minutes the first time and is said.
   *
   * @returns why it cannot run here, or null
   */
  lackOf(program: PeerName | undefined, say: (line: string) => void): Promise<string | null>
  start(program: PeerName | undefined, options: ServiceOptions): Promise<ServiceProcess>
}

export function createPrograms(): Programs {
  const provided = new Map<PeerName, Promise<Launch | Lack>>()
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
      if (program === undefined) return startService(options)
      const found = await provide(program, () => {})
      if ('lack' in found) {
        throw new LabError('LAB_SERVICE_START', `${program} cannot run here: ${found.lack}`, 'Leave it out.')
      }
      await migrate(options.databaseUrl)
      return startService({ ...options, launch: found })
    },
  }
}
