/** COPY in its binary format, with ids from blocks: nothing to escape, nothing for PostgreSQL to parse. */
import { from as copyFrom } from 'pg-copy-streams'
import { replaceBatch } from './replace-batch.mjs'
import { rowsFrom, withIds } from './take-ids.mjs'

const header = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)])
const trailer = Buffer.from([0xff, 0xff])
/** Two fields: their number, the length of an id, the id, the length of the text. */
const fixedBytes = 2 + 4 + 8 + 4

function encode(firstId, texts) {
  const size = texts.reduce((sum, text) => sum + fixedBytes + Buffer.byteLength(text), 0)
  const rows = Buffer.allocUnsafe(size)
  let at = 0
  for (const [i, text] of texts.entries()) {
    at = rows.writeInt16BE(2, at)
    at = rows.writeInt32BE(8, at)
    at = rows.writeBigInt64BE(BigInt(firstId + i), at)
    const bytes = rows.write(text, at + 4)
    at = rows.writeInt32BE(bytes, at) + bytes
  }
  return Buffer.concat([header, rows, trailer])
}

replaceBatch(
  withIds(({ client, firstId, texts, answer }) => {
    const copy = client.query(copyFrom('COPY simple_text (id, text) FROM STDIN (FORMAT binary)'))
    copy.on('error', answer)
    copy.on('finish', () => answer(null, rowsFrom(firstId, texts)))
    copy.end(encode(firstId, texts))
  }),
)
