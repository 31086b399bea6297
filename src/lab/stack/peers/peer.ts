import type { Launch } from '../service-process.ts'

/**
 * A service of another stack, which answers as ours does (`deploy/peers/README.md`) and is started with the
 * same environment variables.
 */
export interface Peer {
  /**
   * Puts what it needs into the lab's cache, if it is not there yet.
   *
   * @param say is told of what takes long
   */
  provide(say: (line: string) => void): Promise<PeerLaunch | Unavailable>
}

export interface PeerLaunch extends Launch {
  /** A path that is answered with 2xx once it is ready; `/readyz` by default. */
  readonly readyPath?: string
  /** What it runs on, for example `Node 24.21.0, fastify 5.12.8`. */
  readonly versions?: string
  /** How its CPU can be profiled; null: not at all. */
  readonly profiler: PeerProfiler | null
  /** Its process, where that is no descendant of the one that was started; asked for once it is ready. */
  readonly pidOf?: (env: Readonly<Record<string, string | undefined>>) => Promise<number>
}

/** Go's own profiler at the admin port, Node's inspector, or py-spy, which reads a Python process from outside. */
export type PeerProfiler =
  | { readonly kind: 'pprof' }
  | { readonly kind: 'inspector' }
  | { readonly kind: 'py-spy'; readonly command: string; readonly threads?: boolean }

/** Why a program cannot run here, in one line. */
export interface Unavailable {
  readonly unavailable: string
}
