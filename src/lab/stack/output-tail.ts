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
 * The line a person would quote from the error output of a program that has given up: the last one that
 * is neither a stack frame, nor a property of a printed error, nor Node's own closing line.
 */
export function lastErrorLine(output: string): string | undefined {
  return output
    .split('\n')
    .filter(line => /^[^\s}]/.test(line) && !line.startsWith('Node.js v'))
    .at(-1)
}
