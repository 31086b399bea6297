import { EventEmitter, once } from 'node:events'

/** Emits to all that wait, from a timer of nobody: the listener's own context must come back by the promise. */
const clock = new EventEmitter().setMaxListeners(0)
setInterval(() => clock.emit('tick', 1), 2)

export async function wait() {
  const [id] = await once(clock, 'tick')
  return id
}
