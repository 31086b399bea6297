import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * The callbacks of a connection's requests that have no complete answer. Not a Set: a Set copies itself after some
 * additions and removals, and V8 keeps what its old copies refer to until a full garbage collection. With one Set of
 * all requests, garbage collection took half of the service's CPU.
 */
const openOf = new WeakMap<Socket, (() => void)[]>()

/**
 * Calls `ended` once: at the response's `event`, or when the connection closes before that. A response that waits for
 * an earlier response of its connection emits no event when the connection closes.
 */
export function whenEnded(
  { socket, response, event }: { socket: Socket; response: ServerResponse; event: 'finish' | 'close' },
  ended: () => void,
): void {
  const open = openOf.get(socket) ?? watch(socket)
  const end = () => {
    const place = open.indexOf(end)
    if (place === -1) return
    open.splice(place, 1)
    ended()
  }
  open.push(end)
  response.once(event, end)
}

function watch(socket: Socket): (() => void)[] {
  const open: (() => void)[] = []
  socket.once('close', () => {
    for (const end of [...open]) end()
  })
  openOf.set(socket, open)
  return open
}
