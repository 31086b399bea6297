import { execFile } from 'node:child_process'
import { PassThrough } from 'node:stream'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { keepTail, lastErrorLine } from '../../../src/lab/stack/output-tail.ts'

describe('keepTail', () => {
  it('keeps the newest output and stays bounded', () => {
    const stream = new PassThrough()
    const tail = keepTail(stream)
    for (let line = 0; line < 10_000; line++) stream.write(`line ${line}\n`)
    expect(tail().endsWith('line 9998\nline 9999\n')).toBe(true)
    expect(tail().length).toBeLessThan(50_000)
  })

  it('does not break a character that arrives in two pieces', () => {
    const stream = new PassThrough()
    const tail = keepTail(stream)
    const bytes = Buffer.from('é')
    stream.write(bytes.subarray(0, 1))
    stream.write(bytes.subarray(1))
    expect(tail()).toBe('é')
  })
})

describe('lastErrorLine', () => {
  it('takes the line of a program that says one', () => {
    expect(lastErrorLine('starting\nPORT must be a number\n\n')).toBe('PORT must be a number')
  })

  it('finds the message in what Node prints for an uncaught error', async () => {
    const code =
      "throw Object.assign(new Error('no route to database'), { code: 'EHOSTUNREACH', nested: { a: 1 } })"
    const failure = await promisify(execFile)(process.execPath, ['-e', code]).catch((error: unknown) => error)
    expect(failure).toHaveProperty('stderr', expect.stringContaining('Node.js v'))
    const { stderr } = failure as { stderr: string }
    expect(lastErrorLine(stderr)).toBe('Error: no route to database')
  })

  it('has nothing to say about silence', () => {
    expect(lastErrorLine('\n')).toBeUndefined()
  })
})
