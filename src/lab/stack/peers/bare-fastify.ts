import { fileURLToPath } from 'node:url'
import type { Peer } from './peer.ts'

/** Runs on this repository's own packages, so there is nothing to get. */
export const bareFastify: Peer = {
  provide: () =>
    Promise.resolve({ command: process.execPath, args: ['server.ts'], cwd: folder, profiler: null }),
}

const folder = fileURLToPath(new URL('../../../../deploy/peers/bare-fastify', import.meta.url))
