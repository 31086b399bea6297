import { fileURLToPath } from 'node:url'
import { containerised } from './container.ts'
import { fastapi } from './fastapi.ts'
import { gin } from './gin.ts'
import type { Peer } from './peer.ts'

const bareFolder = fileURLToPath(new URL('../../../../deploy/peers/bare-fastify', import.meta.url))

/** Needs only the packages of this repository. */
const bareFastify: Peer = {
  provide: () =>
    Promise.resolve({ command: process.execPath, args: ['server.ts'], cwd: bareFolder, profiler: null }),
}

/** Every peer by the name that a step's `program` gives. */
export const peers = {
  fastapi: fastapi('report'),
  'fastapi-tuned': fastapi('tuned'),
  'fastapi-blocking': fastapi('blocking'),
  gin,
  'bare-fastify': bareFastify,
  'bare-fastify in a container': containerised('published'),
  'bare-fastify in a container, host network': containerised('host'),
} as const satisfies Record<string, Peer>

export type PeerName = keyof typeof peers
