import { bareFastify } from './bare-fastify.ts'
import type { Peer } from './peer.ts'

/** Every peer by the name that a step's `program` gives. */
export const peers = {
  'bare-fastify': bareFastify,
} as const satisfies Record<string, Peer>

export type PeerName = keyof typeof peers
