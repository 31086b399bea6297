/** COPY in its text format, with ids from blocks. It cannot be prepared, and waits for a go-ahead. */
import { from as copyFrom } from 'pg-copy-streams'
import { replaceBatch } from './replace-batch.mjs'
import { rowsFrom, withIds } from './take-ids.mjs'

const escapes = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }
const escaped = text => text.replace(/[\\\n\r\t]/g, character => escapes[character])

replaceBatch(
  withIds(({ client, firstId, texts, answer }) => {
    const copy = client.query(copyFrom('COPY simple_text (id, text) FROM STDIN'))
    copy.on('error', answer)
    copy.on('finish', () => answer(null, rowsFrom(firstId, texts)))
    copy.end(texts.map((text, i) => `${firstId + i}\t${escaped(text)}\n`).join(''))
  }),
)
