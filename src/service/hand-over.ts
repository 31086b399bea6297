import type { Worker } from 'node:cluster'

/** Socket handle that is being passed to a worker. The supervisor closes its copy when the worker has taken it. */
interface Handle {
  close(): void
}

/** A message of the cluster module. */
interface InternalMessage {
  readonly act?: string
  readonly seq?: number
  readonly ack?: number
}

/**
 * Works around a defect of Node's cluster module (docs/upstream/cluster-lost-connection.md): if a worker dies while a
 * connection is handed to it, Node waits for its acknowledgement for ever. The client then waits for ever too, and
 * the dead worker is given one more connection (2 of 30 clients after 40 kills, Node 24). This function closes both
 * connections: their clients see a reset and can try again.
 *
 * It depends on the format of the cluster module's internal messages, which is not public. Without the cluster
 * module, workers could not share a port and still listen, time out and drain as a single server does.
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
    // Takes the worker out of the rotation. Node does so itself only if all messages were acknowledged.
    process.emit('disconnect')
  })
}
