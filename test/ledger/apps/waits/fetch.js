import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const other = fork(fileURLToPath(new URL('../other-service.js', import.meta.url)), { execArgv: [], env: {} })
const [port] = await once(other, 'message')
other.channel.unref()
other.unref()

/** Another service, in a process of its own. */
export async function wait() {
  const response = await fetch(`http://127.0.0.1:${port}/`)
  const { id } = await response.json()
  return id
}
