import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Requests of a connection that have no complete answer. */
const openOf = new WeakMap<Socket, Set<() => void>>()

/**
 * Calls back once: at the response's `event`, or when the connection closes before. A response that waits for an earlier
 * one of its connection does not tell that the connection has closed.
 */
export function whenEnded(
  { socket, response, event }: { socket: Socket; response: ServerResponse; event: 'finish' | 'close' },
  ended: () => void,
): void {
  const open = openOf.get(socket) ?? watch(socket)
  const end = () => {
    if (open.delete(end)) ended()
  }
  open.add(end)
  response.once(event, end)
}

function watch(socket: Socket): Set<() => void> {
  const open = new Set<() => void>()
  socket.once('close', () => {
    for (const end of open) end()
  })
  openOf.set(socket, open)
  return open
}
