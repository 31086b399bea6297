import { finished, type Readable, Transform } from 'node:stream'
import { ServiceError } from '../errors.ts'
import { decodeUtf8 } from '../utf8.ts'
import { escapeCopyText } from './copy-text.ts'
import type { Caller, Database } from './database.ts'
import { rowNotKept } from './database-errors.ts'

/** Longer lines are refused, because a line without an end would fill the memory. */
const longestLineBytes = 1024 * 1024

/**
 * Streams NDJSON into `simple_text`. Memory stays bounded at any length: PostgreSQL's socket slows down the COPY, the
 * COPY slows down the transformation, and the transformation slows down the client's socket.
 *
 * A stream may last as long as it needs, so the limit of a statement does not apply. Waits are limited: for the lock
 * of the table, for a PostgreSQL that accepts no data, and for a client that has stopped sending.
 * @param lines one `{"text": …}` per line. If the stream is refused before its end, the rest is read and dropped, so
 * that the answer reaches a client that is still sending.
 * @returns how many rows are now durable.
 * @throws {ServiceError} line_invalid with the line's number; nothing is stored then.
 */
export async function copyLines(
  database: Database,
  lines: Readable,
  { stallLimitMs, isCancelled }: Caller & { stallLimitMs: number },
): Promise<number> {
  const rows = new NdjsonToCopy()
  // It may fail before the COPY listens. An error without a listener would end the process.
  rows.on('error', () => {})
  const stall = setTimeout(() => {
    if (rows.writableNeedDrain) stall.refresh()
    else rows.destroy(new ServiceError('request_timeout', `nothing came for ${stallLimitMs} ms`))
  }, stallLimitMs)
  const hasSent = () => stall.refresh()
  lines.on('data', hasSent)
  finished(lines, error => {
    clearTimeout(stall)
    if (error) rows.destroy(new ServiceError('client_gone', 'the client disconnected'))
  })
  // Not in the pipeline of the COPY: on an error that would destroy the request, and no answer could be sent.
  lines.pipe(rows)
  try {
    const stored = await database.copy('COPY simple_text (text) FROM STDIN', rows, {
      lockLimitMs: stallLimitMs,
      isCancelled: () => rows.destroyed || isCancelled?.() === true,
    })
    if (stored === 0 && rows.count > 0) throw rowNotKept()
    return stored
  } catch (error) {
    // If the rows failed, the COPY failed with them, and the error of the rows is the cause. If the COPY failed, the
    // rows have its raw error, and `error` explains it.
    throw rows.errored instanceof ServiceError ? rows.errored : error
  } finally {
    lines.off('data', hasSent)
    clearTimeout(stall)
    lines.unpipe(rows)
    lines.resume()
  }
}

const newline = 10

/**
 * Converts NDJSON to COPY's text format. Every newline ends a line, because JSON escapes the newlines of a text. The
 * stream is divided as bytes, so that no character is divided.
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
