import { codeOf, messageOf } from '../../errors.ts'
import type { Profiler } from '../programs.ts'
import type { Launch, ServiceProcess } from '../service-process.ts'

/**
 * A service of another stack, which answers as ours does (`deploy/peers/README.md`) and is started with the
 * same environment variables. The function puts what it needs into the lab's cache, if it is not there yet.
 *
 * @param say is told of what takes long
 */
export type Peer = (say: (line: string) => void) => Promise<PeerLaunch | Unavailable>

export interface PeerLaunch extends Launch {
  /** A path that is answered with 2xx once it is ready; `/readyz` by default. */
  readonly readyPath?: string
  /** What it runs on, for example `Node 24.21.0, fastify 5.12.8`. */
  readonly versions?: string
  /** How its CPU can be profiled; absent: not at all. */
  readonly profilerOf?: (started: ServiceProcess) => Profiler
  /** Its process, where that is no descendant of the one that was started. */
  readonly pidOf?: (started: ServiceProcess) => Promise<number>
}

/** Why a program cannot run here, in one line. */
export interface Unavailable {
  readonly unavailable: string
}

/**
 * A peer that is built or installed first.
 *
 * @param missing says that the program that builds it is not here
 * @param failed says that it could not be built
 */
export function builtPeer(
  { missing, failed }: { missing: string; failed: string },
  build: (say: (line: string) => void) => Promise<PeerLaunch>,
): Peer {
  return async say => {
    try {
      return await build(say)
    } catch (error) {
      return { unavailable: codeOf(error) === 'ENOENT' ? missing : `${failed}: ${messageOf(error)}` }
    }
  }
}

/** A profile of a Node process is taken through its inspector. */
export function nodeProfiler({ pid }: ServiceProcess): Profiler {
  return { kind: 'inspector', pid: () => Promise.resolve(pid) }
}
