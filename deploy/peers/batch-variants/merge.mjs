/** One `MERGE … RETURNING` gives both id and position, from PostgreSQL 17 on; it does not tell of dropped rows. */
import { replaceBatch } from './replace-batch.mjs'

const insert = {
  name: 'insert_by_merge',
  text: `MERGE INTO simple_text
    USING unnest($1::text[]) WITH ORDINALITY AS new (text, position) ON false
    WHEN NOT MATCHED THEN INSERT (text) VALUES (new.text)
    RETURNING new.position::int, simple_text.id`,
}

replaceBatch(({ texts, send, answer }) => {
  send({ ...insert, values: [texts] }, (error, result) => {
    if (error) answer(error)
    else answer(null, result.rows)
  })
})
