/** The service's own statement, its array sent in binary: nothing to quote, nothing for PostgreSQL to parse. */
import { replaceBatch } from './replace-batch.mjs'

const textOid = 25
/** Dimensions, whether there are nulls, the element's type, the dimension's length and lower bound. */
const headerBytes = 5 * 4

function encode(texts) {
  const size = texts.reduce((sum, text) => sum + 4 + Buffer.byteLength(text), headerBytes)
  const array = Buffer.allocUnsafe(size)
  let at = 0
  for (const field of [1, 0, textOid, texts.length, 1]) at = array.writeInt32BE(field, at)
  for (const text of texts) {
    const bytes = array.write(text, at + 4)
    at = array.writeInt32BE(bytes, at) + bytes
  }
  return array
}

replaceBatch(({ statement, texts, send, answer }) => {
  send({ ...statement, name: 'insert_binary', values: [encode(texts)] }, (error, result) => {
    if (error) answer(error)
    else answer(null, result.rows)
  })
})
