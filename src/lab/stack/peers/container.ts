import { fileURLToPath } from 'node:url'
import { messageOf } from '../../errors.ts'
import { runCommand } from './command.ts'
import type { Peer } from './peer.ts'

const image = 'node:24.21.0-bookworm-slim'
const checkout = fileURLToPath(new URL('../../../..', import.meta.url))

/**
 * The bare Fastify service in a container of the official Node image, with the checkout mounted, so that the
 * container is the only difference. `published`: a network of its own, behind a published port, as most
 * people run it. `host`: in the network of the host, so that only the container itself is left. It serves
 * pings only, because a container cannot reach the database of the lab on loopback.
 */
export function containerised(network: 'published' | 'host'): Peer {
  return async say => {
    const unavailable = await engineUnavailable(say)
    if (unavailable !== null) return { unavailable }
    return {
      command: 'sh',
      // The shell is there for $PORT alone, and docker takes its place and its signals.
      args: ['-c', `exec docker ${[...run, ...options[network], image, ...program].join(' ')}`],
      cwd: checkout,
      pidOf: async ({ url }) => {
        const name = `insertlab-${new URL(url).port}`
        return Number(await runCommand('docker', ['inspect', '--format', '{{.State.Pid}}', name]))
      },
    }
  }
}

const run = [
  ...['run', '--rm', '--init', '--name', '"insertlab-$PORT"', '--read-only', '--cap-drop=ALL'],
  ...['--volume', '"$PWD:/checkout:ro"'],
]
const options = {
  published: ['--publish', '"127.0.0.1:$PORT:8000"', '--env', 'HOST=0.0.0.0', '--env', 'PORT=8000'],
  host: ['--network=host', '--env', 'HOST=127.0.0.1', '--env', 'PORT'],
} as const
const program = ['node', '/checkout/deploy/peers/bare-fastify/server.ts']

async function engineUnavailable(say: (line: string) => void): Promise<string | null> {
  try {
    await runCommand('docker', ['version', '--format', '{{.Server.Version}}'])
  } catch {
    return 'no Docker engine answers here'
  }
  try {
    await runCommand('docker', ['image', 'inspect', '--format', '{{.Id}}', image])
    return null
  } catch {
    say(`pulling ${image} …`)
  }
  try {
    await runCommand('docker', ['pull', '--quiet', image])
    return null
  } catch (error) {
    return `the image ${image} is not here and cannot be pulled: ${messageOf(error)}`
  }
}
