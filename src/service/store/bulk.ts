import { finished, type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ServiceError } from '../errors.ts'
import { decodeUtf8 } from '../utf8.ts'
import type { Connections } from './connections.ts'
import { escapeCopyText } from './copy-text.ts'
import type { Lease } from './lease.ts'

/** A line longer than this is not a text but an attempt to fill our memory. */
const longestLineBytes = 1024 * 1024

/**
 * Streams NDJSON into `simple_text`. Memory stays bounded at any length: PostgreSQL's socket holds back the
 * COPY, the COPY the transformation, and that the client's socket.
 *
 * A stream lasts as long as it takes, so the limit of a statement does not hold for it. What must not last
 * is a wait: for the table's lock, or for a client that has stopped sending and would keep a connection.
 * @param lines `{"text": …}` a line. Where it is refused before its end, the rest is read and dropped, so
 * that the answer reaches a client that still sends.
 * @returns how many rows are now durable.
 * @throws {ServiceError} line_invalid with the line's number; nothing is stored then.
 */
export async function copyLines(
  connections: Connections,
  lines: Readable,
  { stallLimitMs }: { stallLimitMs: number },
): Promise<number> {
  const lease = await acquire(connections)
  try {
    await execute(lease, `SET statement_timeout = 0; SET lock_timeout = ${stallLimitMs}`)
    return await copy(lease, lines, stallLimitMs)
  } finally {
    lines.resume()
    await giveBack(lease)
  }
}

async function copy(lease: Lease, lines: Readable, stallLimitMs: number): Promise<number> {
  const rows = new NdjsonToCopy()
  const durable = Promise.withResolvers<void>()
  const rowsIn = lease.copy('COPY simple_text (text) FROM STDIN', error => {
    if (error === null) durable.resolve()
    else durable.reject(error)
  })
  // Not a part of the pipeline, which would destroy the request, and with it the way for the answer.
  lines.pipe(rows)
  finished(lines, error => {
    if (error) rows.destroy(new ServiceError('client_gone', 'the client disconnected'))
  })
  const stall = setTimeout(() => {
    if (rows.writableNeedDrain) stall.refresh()
    else rows.destroy(new ServiceError('request_timeout', `nothing came for ${stallLimitMs} ms`))
  }, stallLimitMs)
  lines.on('data', () => stall.refresh())

  const [, stored] = await Promise.allSettled([pipeline(rows, rowsIn), durable.promise])
  clearTimeout(stall)
  // Whatever ended the rows ended the COPY too, and is the reason.
  if (rows.errored instanceof ServiceError) throw rows.errored
  if (stored.status === 'rejected') throw stored.reason
  return rows.count
}

/** Waits until the connection is as it was lent, so that the next borrower finds no limits of ours. */
async function giveBack(lease: Lease): Promise<void> {
  try {
    if (!lease.isBroken) await execute(lease, 'RESET statement_timeout; RESET lock_timeout')
    lease.release()
  } catch {
    lease.discard()
  }
}

function execute(lease: Lease, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    lease.query({ text }, error => (error === null ? resolve() : reject(error)))
  })
}

function acquire(connections: Connections): Promise<Lease> {
  return new Promise((resolve, reject) => {
    connections.acquire((error, lease) => {
      if (error === null) resolve(lease)
      else reject(error)
    })
  })
}

const newline = 10

/**
 * NDJSON in, COPY's text format out. Lines are cut at newlines only, because JSON escapes its own, and as bytes, so
 * that no character is cut.
 */
class NdjsonToCopy extends Transform {
  count = 0
  #rest: Buffer = Buffer.alloc(0)
  #line = 0

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const end = bytes.lastIndexOf(newline) + 1
    this.#rest = bytes.subarray(end)
    done(this.#pushAll(bytes.subarray(0, end)))
  }

  override _flush(done: (error?: Error | null) => void): void {
    done(this.#pushAll(this.#rest))
  }

  #pushAll(bytes: Buffer): Error | null {
    try {
      const lines = linesOf(bytes, this.#line)
      this.push(lines.map(line => this.#toCopy(line)).join(''))
      if (this.#rest.length > longestLineBytes) throw lineInvalid(this.#line + 1, 'it is too long')
      return null
    } catch (error) {
      return error as ServiceError
    }
  }

  #toCopy(line: string): string {
    this.#line += 1
    if (line.trim() === '') return ''
    // A byte-order mark may begin the stream.
    const text = textOf(this.#line === 1 ? line.replace(/^\uFEFF/, '') : line, this.#line)
    this.count += 1
    return `${escapeCopyText(text)}\n`
  }
}

/** @param before how many lines came before these. */
function linesOf(bytes: Buffer, before: number): string[] {
  const text = decodeUtf8(bytes)
  if (text === null) {
    // Latin-1 keeps each byte as one character.
    const lines = bytes.toString('latin1').split('\n')
    const wrong = lines.findIndex(line => decodeUtf8(Buffer.from(line, 'latin1')) === null)
    throw lineInvalid(before + wrong + 1, 'it is not UTF-8')
  }
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

function textOf(line: string, number: number): string {
  const value = parse(line, number)
  const text = typeof value === 'object' && value !== null && 'text' in value ? value.text : undefined
  if (typeof text !== 'string') throw lineInvalid(number, 'it is not an object with a string "text"')
  if (text.includes('\0')) throw lineInvalid(number, 'its text holds a NUL character')
  if (!text.isWellFormed()) throw lineInvalid(number, 'its text holds a lone surrogate')
  return text
}

function parse(line: string, number: number): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw lineInvalid(number, 'it is not JSON')
  }
}

function lineInvalid(number: number, why: string): ServiceError {
  return new ServiceError('line_invalid', `line ${number}: ${why}; nothing was stored`)
}
