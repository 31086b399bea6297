/** Ids taken in blocks beforehand: PostgreSQL has nothing to return. */
import { replaceBatch } from './replace-batch.mjs'
import { rowsFrom, withIds } from './take-ids.mjs'

const insert = {
  name: 'insert_with_ids',
  text: `INSERT INTO simple_text (id, text)
    SELECT $1::bigint + position - 1, text FROM unnest($2::text[]) WITH ORDINALITY AS new (text, position)`,
}

replaceBatch(
  withIds(({ firstId, texts, send, answer }) => {
    send({ ...insert, values: [firstId, texts] }, error =>
      answer(error, error ? [] : rowsFrom(firstId, texts)),
    )
  }),
)
