import { createReadStream } from 'node:fs'
import { Transform, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'

const file = fileURLToPath(import.meta.url)

export async function wait() {
  let bytes = 0
  const upper = new Transform({
    transform(chunk, _encoding, done) {
      done(null, chunk.toString().toUpperCase())
    },
  })
  const count = new Writable({
    write(chunk, _encoding, done) {
      bytes += chunk.length
      done()
    },
  })
  await pipeline(createReadStream(file, { highWaterMark: 100 }), upper, count)
  return bytes
}
