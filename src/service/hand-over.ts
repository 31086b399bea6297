import type { Worker } from 'node:cluster'

/** Of the supervisor's copy of a connection, which it closes when a worker has taken the connection over. */
interface Handle {
  close(): void
}

interface InternalMessage {
  readonly act?: string
  readonly seq?: number
  readonly ack?: number
}

/**
 * Ends what the cluster module would forget when a worker dies while a connection is handed to it. Node waits
 * for ever for the worker to say that it took it: the supervisor's copy stays open, so the client waits for ever
 * too, and the dead worker stays in the ring and gets one more (2 clients of 30 after 40 kills, Node 24). Here
 * both are closed: the clients see a connection that was reset, and can ask again.
 *
 * It leans on the shape of the cluster module's own messages, which is not public; what it buys instead of a
 * dealer of our own is that workers still listen, and time out and drain, as a server alone does.
 */
export function closeWhatDiesWith(worker: Worker): void {
  const { process } = worker
  const underWay = new Map<number, Handle>()
  const send = process.send.bind(process)
  process.send = (message: InternalMessage, handle?: unknown, ...rest: unknown[]): boolean => {
    if (message.act === 'newconn' && message.seq !== undefined) underWay.set(message.seq, handle as Handle)
    return Reflect.apply(send, process, [message, handle, ...rest])
  }
  process.on('internalMessage', ({ ack }: InternalMessage) => {
    if (ack !== undefined) underWay.delete(ack)
  })
  process.once('exit', () => {
    for (const handle of underWay.values()) handle.close()
    // Takes it out of the ring; Node itself says so only when all messages were acknowledged.
    process.emit('disconnect')
  })
}
