/** `RETURNING id` in whatever order it comes: the habit is to keep the order, but nothing promises it. */
import { replaceBatch } from './replace-batch.mjs'

const insert = {
  name: 'insert_plain',
  text: 'INSERT INTO simple_text (text) SELECT * FROM unnest($1::text[]) RETURNING id',
}

replaceBatch(({ texts, send, answer }) => {
  send({ ...insert, values: [texts] }, (error, result) => {
    if (error) answer(error)
    else
      answer(
        null,
        result.rows.map(([id], i) => [i + 1, id]),
      )
  })
})
