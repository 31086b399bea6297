import type { Launch } from '../service-process.ts'

/**
 * A service of another stack, which answers as ours does (`deploy/peers/README.md`) and is started with the
 * same environment variables.
 */
export interface Peer {
  /**
   * Gets what it runs on into the lab's cache, where it is not there yet.
   *
   * @param say is told of what takes long
   */
  provide(say: (line: string) => void): Promise<Launch | Lack>
}

/** Why a program cannot run here: one line that a person can act on. */
export interface Lack {
  readonly lack: string
}
