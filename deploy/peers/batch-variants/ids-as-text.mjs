/** The service's own statement, its ids read as the text that PostgreSQL sends and not as numbers. */
import pg from 'pg'
import { replaceBatch } from './replace-batch.mjs'

const { INT8 } = pg.types.builtins
const types = {
  getTypeParser: (oid, format) => (oid === INT8 ? String : pg.types.getTypeParser(oid, format)),
}

replaceBatch(({ statement, send, answer }) => {
  send({ ...statement, name: 'insert_ids_as_text', types }, (error, result) => {
    if (error) answer(error)
    else answer(null, result.rows)
  })
})
