import { destination } from 'pino'

/** What may wait in memory if nobody reads the output, in characters. Lines beyond it are lost. */
const maxLength = 16 * 1024 * 1024

export interface OutputOptions {
  /** Blocks the event loop for each line. */
  sync: boolean
  /** Lines are written together as soon as they have this many characters. */
  minLength?: number
  /** How often lines that wait are written. */
  periodicFlush?: number
}

/** Standard output for a log. While it cannot be written to, because its disk is full, lines are lost and the service goes on. */
export function standardOutput(options: OutputOptions) {
  const stream = destination({ dest: 1, maxLength, ...options })
  stream.on('error', () => {})
  return {
    stream,
    /** Writes what waits. Not by `flushSync`, which would try for ever while the disk is full. */
    close: () =>
      new Promise<void>(resolve => {
        stream.once('close', resolve)
        stream.once('error', () => stream.destroy())
        stream.end()
      }),
  }
}
