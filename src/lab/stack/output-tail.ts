import type { Readable } from 'node:stream'

/** About 200 lines of log. Kept as text, not as lines: a service that logs every request must not cost
 *  the lab a parse of every line. */
const tailCharacters = 32_768

/** Reads the streams to their end and keeps the newest output of them all, in order of arrival. */
export function keepTail(...streams: (Readable | null)[]): () => string {
  let tail = ''
  for (const stream of streams) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      tail = (tail + chunk).slice(-tailCharacters)
    })
  }
  return () => tail
}

/**
 * The most useful line of the error output of a program that has ended: the last line that is no stack frame,
 * no property of a printed error, and not the closing line of Node.
 */
export function lastErrorLine(output: string): string | undefined {
  return output
    .split('\n')
    .filter(line => /^[^\s}]/.test(line) && !line.startsWith('Node.js v'))
    .at(-1)
}
